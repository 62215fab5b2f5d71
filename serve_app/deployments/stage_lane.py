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
    of them."""

    def __init__(self, thread: ThreadPoolExecutor, loop: StepLoop, stall_seconds: float) -> None:
        super().__init__(thread, loop, stall_seconds)
        self._clock = thread.submit(clock_of_this_thread).result()

    async def _ends(self, tick: asyncio.Future[Any]) -> bool:
        patience = Patience(self._stall_seconds, time.clock_gettime(self._clock))
        while not await super()._ends(tick):
            if patience.ended(time.clock_gettime(self._clock)):
                return False
        return True
