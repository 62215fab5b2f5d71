"""Replicas of a stage that die or get stuck in mid-call, through real Ray."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray import serve
from ray.serve.exceptions import BackPressureError

from pipelines.protocol import Segment, State
from serve_app.batching.fair_queue import Ticket
from serve_app.deployments.handles import RayStages
from serve_app.deployments.stages import Diffusion, StageReplica
from serve_app.settings import Settings, StageScale
from serve_app.worker.generation import StageLost, StageUnavailable
from tests.system.conftest import System
from tests.waiting import until, until_on_loop

STALL_SECONDS = 1.0


class HangingStage:
    """A stage that hangs in its first step ever, whichever process that is in."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def begin(self, segments: Sequence[Segment]) -> list[State]:
        return [State(segment, 1) for segment in segments]

    def step(self, states: Sequence[State]) -> None:
        if not self._marker.exists():
            self._marker.touch()
            time.sleep(600)
        time.sleep(0.3)
        for state in states:
            state.steps_left -= 1

    def finish(self, states: Sequence[State]) -> list[int]:
        return [state.segment.index for state in states]


class HangingDiffusion(Diffusion):
    def __init__(self, marker: Path, stall_seconds: float) -> None:
        scale, settings = StageScale(), Settings(stall_seconds=stall_seconds)
        StageReplica.__init__(
            self, "trap", "diffusion", lambda: HangingStage(marker), scale, settings
        )


def deploy(marker: Path, stall_seconds: float, **options: Any) -> RayStages:
    deployment = serve.deployment(HangingDiffusion).options(
        ray_actor_options={"num_cpus": 0.1},
        health_check_period_s=1,
        graceful_shutdown_timeout_s=1,
        **options,
    )
    handle = serve.run(deployment.bind(marker, stall_seconds), name="trap", route_prefix=None)
    return RayStages(handle, handle, handle)


@pytest.fixture(autouse=True)
def _deleted(system: System) -> Iterator[None]:
    yield
    serve.delete("trap")


async def diffuse(stages: RayStages) -> Any:
    ticket = Ticket("a", "u")
    return (await stages._diffuse(Segment(7, 0, 1), ticket, lambda *_: None)).value


def works_again(stages: RayStages) -> bool:
    try:
        return bool(asyncio.run(diffuse(stages)) == 7)
    except (StageLost, StageUnavailable):
        return False


def test_stalled_step_replaces_the_replica(tmp_path: Path) -> None:
    stages = deploy(tmp_path / "trapped", STALL_SECONDS)
    begun = time.monotonic()
    with pytest.raises(StageLost):
        asyncio.run(diffuse(stages))
    assert STALL_SECONDS <= time.monotonic() - begun < 20
    until(lambda: works_again(stages), 60, "another replica computes")


def test_replica_killed_in_mid_call_raises_stage_lost(tmp_path: Path) -> None:
    marker = tmp_path / "trapped"
    stages = deploy(marker, 600)

    async def kill_in_mid_call() -> None:
        call = asyncio.create_task(diffuse(stages))
        await until_on_loop(marker.exists, 30, "the replica computes")
        for each in psutil.Process().children(recursive=True):
            if " ".join(each.cmdline()).startswith("ray::ServeReplica:trap"):
                each.kill()
        with pytest.raises(StageLost):
            await call

    asyncio.run(asyncio.wait_for(kill_in_mid_call(), 60))
    until(lambda: works_again(stages), 60, "another replica computes")


def test_calls_wait_where_a_stage_has_taken_all_it_may(tmp_path: Path) -> None:
    marker = tmp_path / "trapped"
    marker.touch()
    stages = deploy(marker, 600, max_ongoing_requests=1, max_queued_requests=1)

    async def many(call: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
        return await asyncio.gather(*(call() for _ in range(6)), return_exceptions=True)

    async def once() -> Any:
        return await stages._stream(Segment(7, 0, 1), Ticket("a", "u"), lambda *_: None)

    async def go() -> tuple[list[Any], list[Any]]:
        return await many(once), await many(lambda: diffuse(stages))

    refused, waited = asyncio.run(go())
    assert [each for each in refused if isinstance(each, BackPressureError)]
    assert waited == [7] * 6
