from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ray.serve.exceptions import ReplicaUnavailableError

from serve_app.deployments.handles import RayStages
from serve_app.worker.generation import StageUnavailable


class Handle:
    """Of a deployment that counts who asks whether it is awake."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked = 0

    def options(self, *, stream: bool) -> Handle:
        return self

    @property
    def awake(self) -> Handle:
        return self

    async def remote(self) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


def stages(handle: Any, rest_seconds: float | None = None) -> RayStages:
    return RayStages(handle, handle, handle, rest_seconds)


def test_each_stage_is_called_before_the_first_clip() -> None:
    handle = Handle()
    asyncio.run(stages(handle).connect())
    assert handle.asked == 3


def test_stages_that_may_be_at_rest_are_left_at_rest() -> None:
    handle = Handle()
    asyncio.run(stages(handle, rest_seconds=60).connect())
    assert handle.asked == 0


def test_a_stage_that_cannot_be_called_is_told_of() -> None:
    with pytest.raises(StageUnavailable):
        asyncio.run(stages(Handle(ReplicaUnavailableError("gone"))).connect())
