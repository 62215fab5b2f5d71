from __future__ import annotations

from collections.abc import Sequence

from pipelines.protocol import Segment, State
from serve_app.batching.step_loop import OneShot
from serve_app.deployments.warm_up import warmed_up


class Counting:
    """Two steps for each segment."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def begin(self, segments: Sequence[Segment]) -> list[State]:
        self.calls.append("begin")
        return [State(segment, 2) for segment in segments]

    def step(self, states: Sequence[State]) -> None:
        self.calls.append("step")
        for state in states:
            state.steps_left -= 1

    def finish(self, states: Sequence[State]) -> list[int]:
        self.calls.append("finish")
        return [state.segment.index for state in states]


class Ready(Counting):
    def example(self) -> Segment:
        return Segment(0, 0, 1)


def test_warmed_up_stage_has_computed_its_example() -> None:
    ready = Ready()
    assert warmed_up(ready, ready) is ready
    assert ready.calls == ["begin", "step", "step", "finish"]


def test_warmed_up_function_has_computed_the_example_of_its_model() -> None:
    computed: list[Segment] = []
    warmed_up(OneShot(lambda items: [computed.append(item) for item in items]), Ready())
    assert computed == [Segment(0, 0, 1)]


def test_warmed_up_leaves_a_stage_without_an_example_alone() -> None:
    stage = Counting()
    warmed_up(stage, stage)
    assert stage.calls == []
