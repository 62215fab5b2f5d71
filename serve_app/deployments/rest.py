"""Stages at rest: deployments without a replica while nobody needs one."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable

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
        """A stage is at rest at the earliest when it has not been used for `seconds`."""
        self._wake = wake
        self._seconds = seconds
        self._clock = clock
        self._used: dict[str, float] = {}
        self._woken = -math.inf
        self._waking: asyncio.Task[None] | None = None

    def end(self, stage: str) -> None:
        """Called before each use of a stage: wakes all of them where it may be at rest."""
        now = self._clock()
        used = max(self._used.get(stage, -math.inf), self._woken)
        # Half of the time: other clocks than this one decide when they rest.
        if now - used > self._seconds / 2:
            self._woken = now
            self._waking = asyncio.create_task(self._try())
        self._used[stage] = now

    async def _try(self) -> None:
        """A stage that was not woken here starts later, with the first call that needs it."""
        try:
            async with asyncio.timeout(_WAKE_SECONDS):
                await self._wake()
        except Exception:  # whatever it is, Serve tries again by itself
            logger.warning("stages at rest start one after the other", exc_info=True)
