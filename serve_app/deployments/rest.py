"""Stages at rest: deployments without a replica while nobody needs one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ray.serve.handle import DeploymentHandle

_WAKE_SECONDS = 60.0
logger = logging.getLogger("bernie.rest")


class Rest:
    """Wakes the stages of one service together, before each of them is needed: a clip that went
    from stage to stage would wait for the start of each. For use on one event loop."""

    def __init__(
        self,
        stages: Iterable[str],
        wake: Callable[[], Awaitable[None]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A stage is at rest at the earliest when it has not been used for `seconds`."""
        self._stages = tuple(stages)
        self._wake = wake
        self._seconds = seconds
        self._clock = clock
        self._used: dict[str, float] = {}
        self._waking: asyncio.Task[None] | None = None

    def end(self, stage: str) -> None:
        """Called before each use of a stage: wakes all of them where it may be at rest."""
        now = self._clock()
        used = self._used.get(stage)
        # Half of the time: other clocks than this one decide when they rest.
        if used is None or now - used > self._seconds / 2:
            self._used = dict.fromkeys(self._stages, now)
            self._waking = asyncio.create_task(self._try())
        self._used[stage] = now

    async def _try(self) -> None:
        """A stage that was not woken here starts later, with the first call that needs it."""
        try:
            async with asyncio.timeout(_WAKE_SECONDS):
                await self._wake()
        except Exception:  # whatever it is, Serve tries again by itself
            logger.warning("stages at rest start one after the other", exc_info=True)


async def wake(handles: Iterable[DeploymentHandle[Any]]) -> None:
    """Returns when each of the deployments has a replica that answers. Serve starts one where a
    call waits at a handle."""
    async with asyncio.TaskGroup() as group:
        for handle in handles:
            group.create_task(_wake(handle))


async def _wake(handle: DeploymentHandle[Any]) -> None:
    # A handle that has been used tells of its calls every ten seconds, and as the mean of the last
    # thirty. A new one tells of its first at once.
    new: Any = DeploymentHandle(handle.deployment_name, handle.app_name)
    answer = new.awake.remote()
    try:
        await answer
    except asyncio.CancelledError:
        answer.cancel()
        raise
    finally:
        await new.shutdown_async()
