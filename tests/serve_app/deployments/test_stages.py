from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import Limits
from serve_app.deployments import stages as stage_module
from serve_app.deployments.stage_driver import StageDriver
from serve_app.deployments.stages import StageReplica
from serve_app.worker.timings import Timed
from tests.waiting import until_on_loop


@dataclass
class Counted:
    item: int
    steps_left: int


class Stepped:
    """Items are numbers of steps, each of which waits until it is released."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.steps = 0

    def begin(self, segments: Sequence[int]) -> list[Counted]:
        return [Counted(steps, steps) for steps in segments]

    def step(self, states: Sequence[Counted]) -> None:
        assert self.gate.acquire(timeout=10)
        self.steps += 1
        for state in states:
            if state.item == 3 and state.steps_left == 1:
                raise ValueError("three is bad")
            state.steps_left -= 1

    def finish(self, states: Sequence[Counted]) -> list[int]:
        return [10 * state.item for state in states]


class Replica(StageReplica):
    """A replica without Ray and its metrics."""

    def __init__(self, stage: Stepped) -> None:
        self._stage = "diffusion"
        self._driver = StageDriver(lambda: stage, Limits(), lambda *_: None, 60)

    def stepwise(self, item: int) -> Any:
        return self._run_stepwise(item, Ticket("a", "u"))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "PROGRESS_SECONDS", 0.05)


def test_run_stepwise_yields_steps_and_last_the_result() -> None:
    stage = Stepped()

    async def go() -> list[Any]:
        told: list[Any] = []
        stage.gate.release()
        async for each in Replica(stage).stepwise(4):
            told.append(each)
            stage.gate.release(2 if len(told) == 1 else 1)
        return told

    *steps, last = asyncio.run(go())
    assert steps == [(1, 4), (3, 4)]
    assert isinstance(last, Timed)
    assert (last.value, last.timings[0].stage) == (40, "diffusion")


def test_run_stepwise_of_no_steps_yields_the_result_only() -> None:
    async def go() -> list[Any]:
        return [each async for each in Replica(Stepped()).stepwise(0)]

    (only,) = asyncio.run(go())
    assert only.value == 0


def test_run_stepwise_raises_what_a_step_raises() -> None:
    stage = Stepped()
    stage.gate.release(3)

    async def go() -> list[Any]:
        return [each async for each in Replica(stage).stepwise(3)]

    with pytest.raises(ValueError, match="three is bad"):
        asyncio.run(go())


def test_run_stepwise_closed_early_stops_at_the_next_step() -> None:
    stage = Stepped()

    async def go() -> None:
        replica = Replica(stage)
        stage.gate.release()
        told = replica.stepwise(100)
        assert await anext(told) == (1, 100)
        await told.aclose()
        await asyncio.sleep(0.01)
        stage.gate.release(100)  # the step that waits, and no other
        await until_on_loop(lambda: stage.steps > 1, 30, "the step that waits is done")
        await asyncio.sleep(0.1)

    asyncio.run(go())
    assert stage.steps == 2
