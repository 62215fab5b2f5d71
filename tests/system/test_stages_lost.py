"""Replicas of a stage that die or get stuck in mid-call, through real Ray."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray import serve

from pipelines.protocol import Segment, State
from serve_app.batching.fair_queue import Ticket
from serve_app.deployments.handles import RayStages
from serve_app.deployments.stages import Diffusion, StageReplica
from serve_app.settings import StageScale
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
        for state in states:
            state.steps_left -= 1

    def finish(self, states: Sequence[State]) -> list[int]:
        return [state.segment.index for state in states]


class HangingDiffusion(Diffusion):
    def __init__(self, marker: Path, stall_seconds: float) -> None:
        StageReplica.__init__(
            self, "trap", "diffusion", lambda: HangingStage(marker), StageScale(), stall_seconds
        )


def deploy(marker: Path, stall_seconds: float) -> RayStages:
    deployment = serve.deployment(HangingDiffusion).options(
        ray_actor_options={"num_cpus": 0.1},
        health_check_period_s=1,
        graceful_shutdown_timeout_s=1,
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
