"""One batching loop and the thread that computes for it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from serve_app.batching.step_loop import Outcome, StepLoop
from serve_app.deployments.background import Patience, clock_of_this_thread

LOOK_SECONDS, SLOW_LOOKS = 15.0, 3
"""A tick of the background that is looked at more often than so is slow because of others."""

Compute = Callable[[StepLoop], list[Outcome]]


class Lane:
    """Runs the ticks of a loop. One task does so; others may submit to the loop meanwhile."""

    def __init__(self, thread: ThreadPoolExecutor, loop: StepLoop, stall_seconds: float) -> None:
        self.thread = thread
        self.loop = loop
        self.work = asyncio.Event()
        self._stall_seconds = stall_seconds
        self._computing = False
        self._cancelled: deque[str] = deque()

    @property
    def busy(self) -> bool:
        return self._computing or self.loop.busy

    def cancel(self, key: str) -> None:
        """Takes effect before the next tick. Other keys than those of this lane do nothing."""
        self._cancelled.append(key)
        self.work.set()

    def drop_cancelled(self) -> None:
        while self._cancelled:
            self.loop.cancel(self._cancelled.popleft())

    async def tick(self, compute: Compute) -> list[Outcome]:
        """Admits, and has the thread `compute` the rest of the tick. Raises RuntimeError where that
        takes longer than a step may."""
        self.loop.admit()
        tick = asyncio.get_running_loop().run_in_executor(self.thread, compute, self.loop)
        self._computing = True
        if not await self._ends(tick):
            raise RuntimeError(f"a step takes longer than {self._stall_seconds:g} s")
        self._computing = False
        return tick.result()

    async def _ends(self, tick: asyncio.Future[Any]) -> bool:
        return bool((await asyncio.wait([tick], timeout=self._stall_seconds))[0])


class BackgroundLane(Lane):
    """A lane whose thread gets what others leave of the processors: seconds count that it has used
    of them. A tick that takes very long for that reason is told of."""

    def __init__(
        self,
        thread: ThreadPoolExecutor,
        loop: StepLoop,
        stall_seconds: float,
        starved: Callable[[float], None],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`starved` is called with `look_seconds`, as long after each other."""
        super().__init__(thread, loop, stall_seconds)
        self._clock = thread.submit(clock_of_this_thread).result()
        self._starved = starved
        self._look_seconds = min(look_seconds, stall_seconds)

    async def _ends(self, tick: asyncio.Future[Any]) -> bool:
        patience = Patience(self._stall_seconds, time.clock_gettime(self._clock))
        looks, of_a_stall = 0, round(self._stall_seconds / self._look_seconds)
        while not (await asyncio.wait([tick], timeout=self._look_seconds))[0]:
            looks += 1
            if looks > SLOW_LOOKS:
                self._starved(self._look_seconds)
            if looks % of_a_stall == 0 and patience.ended(time.clock_gettime(self._clock)):
                return False
        return True
