"""What a stage computes before it is ready, so that nobody waits for its first computation."""

from __future__ import annotations

from pipelines.protocol import HasExample
from serve_app.batching.step_loop import Stage


def warmed_up(stage: Stage, model: object) -> Stage:
    """`stage`, after it has computed the example of its model, where that has one."""
    if isinstance(model, HasExample):
        states = stage.begin([model.example()])
        while states[0].steps_left:
            stage.step(states)
        stage.finish(states)
    return stage
