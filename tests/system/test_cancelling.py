"""A call that is cancelled in the worker stops the work in the replica, through real Ray."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from ray import serve

from pipelines.protocol import Segment, State
from serve_app.batching.fair_queue import Ticket
from serve_app.deployments.handles import RayStages
from serve_app.deployments.stages import Diffusion, StageReplica
from serve_app.settings import Settings, StageScale
from tests.system.conftest import System
from tests.waiting import until_on_loop

STEPS = 1_000


class SlowStage:
    """A stage of many steps that counts them."""

    def __init__(self) -> None:
        self.done = 0

    def begin(self, segments: Sequence[Segment]) -> list[State]:
        return [State(segment, STEPS) for segment in segments]

    def step(self, states: Sequence[State]) -> None:
        time.sleep(0.05)
        self.done += 1
        for state in states:
            state.steps_left -= 1

    def finish(self, states: Sequence[State]) -> list[State]:
        return list(states)


class SlowDiffusion(Diffusion):
    def __init__(self) -> None:
        self.slow = SlowStage()
        scale, settings = StageScale(), Settings()
        StageReplica.__init__(self, "slow", "diffusion", lambda: self.slow, scale, settings)

    async def steps_done(self) -> int:
        return self.slow.done


def test_cancelled_render_stops_in_the_replica(system: System) -> None:
    application = serve.deployment(SlowDiffusion).options(ray_actor_options={"num_cpus": 0.1})
    handle = serve.run(application.bind(), name="slow", route_prefix=None)
    stages = RayStages(handle, handle, handle)
    told: list[tuple[int, int]] = []

    async def cancel_midway() -> tuple[int, int]:
        def steps(step: int, of: int) -> None:
            told.append((step, of))

        render = asyncio.create_task(stages.render(Segment(0, 0, 1), Ticket("a", "u"), steps))
        await until_on_loop(lambda: told, 30, "a step is reported")
        render.cancel()
        await asyncio.gather(render, return_exceptions=True)
        await asyncio.sleep(0.5)
        first = await handle.steps_done.remote()
        await asyncio.sleep(0.5)
        return first, await handle.steps_done.remote()

    try:
        first, later = asyncio.run(cancel_midway())
    finally:
        serve.delete("slow")
    assert 0 < first == later < STEPS, "no step follows the cancellation"
    assert all(0 < step < of == STEPS for step, of in told)
