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
        wake: Callable[[], Awaitable[None]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Stages are at rest at the earliest when they have not been used for `seconds`."""
        self._wake = wake
        self._seconds = seconds
        self._clock = clock
        self._used: float | None = None
        self._waking: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Called before each use of a stage: wakes all of them where they may be at rest."""
        now = self._clock()
        # Half of the time: other clocks than this one decide when they rest.
        if self._used is None or now - self._used > self._seconds / 2:
            self._waking = asyncio.create_task(self._try())
        self._used = now

    async def _try(self) -> None:
        """A stage that was not woken here starts later, with the first call that needs it."""
        try:
            async with asyncio.timeout(_WAKE_SECONDS):
                await self._wake()
        except Exception as error:  # noqa: BLE001 - whatever it is, Serve tries again by itself
            logger.warning("stages at rest start one after the other: %s", error)


async def wake(handles: Iterable[DeploymentHandle[Any]]) -> None:
    """Returns when each of the deployments has a replica that answers. Serve starts one where a
    call waits at a handle."""
    await asyncio.gather(*map(_wake, handles))


async def _wake(handle: DeploymentHandle[Any]) -> None:
    # A handle that has been used tells of its calls every ten seconds, and as the mean of the last
    # thirty. A new one tells of its first at once.
    new: Any = DeploymentHandle(handle.deployment_name, handle.app_name)
    try:
        await new.awake.remote()
    finally:
        await new.shutdown_async()
