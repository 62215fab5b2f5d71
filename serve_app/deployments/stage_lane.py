"""Batching loops, each with the thread that computes for it; some share a queue."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from serve_app.batching.fair_queue import FIRST, FairQueue, QueuedItem, Ticket
from serve_app.batching.step_loop import Limits, Outcome, Stage, StepLoop
from serve_app.deployments.background import Patience, clock_of_this_thread
from serve_app.deployments.core_sharing import CoreSharing

LOOK_SECONDS, SLOW_LOOKS = 15.0, 3
"""A tick of the background that is looked at more often than so is slow because of others."""

Compute = Callable[[StepLoop, int], list[Outcome]]
"""Of a tick, with so many of torch's threads; 0: with as many as before."""


class Lane:
    """Runs the ticks of a loop. One task does so; others may submit to the loop meanwhile."""

    def __init__(
        self, thread: ThreadPoolExecutor, loop: StepLoop, stall_seconds: float, work: asyncio.Event
    ) -> None:
        """`work` is set when there is some; lanes whose loops share a queue share it too."""
        self.thread = thread
        self.loop = loop
        self.work = work
        self.cores: CoreSharing | None = None
        self.later = thread
        """The thread that computes what is not the first segment of a clip."""
        self._stall_seconds = stall_seconds
        self.computing = False
        self._cancelled: deque[str] = deque()

    @property
    def busy(self) -> bool:
        return self.computing or self.loop.busy

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
        threads = self.cores.begin(alone=not self.loop.waiting) if self.cores else 0
        first = any(ticket.lane == FIRST for ticket in self.loop.next)
        thread = self.thread if first else self.later
        tick = asyncio.get_running_loop().run_in_executor(thread, compute, self.loop, threads)
        self.computing = True
        if not await self._ends(tick):
            raise RuntimeError(f"a step takes longer than {self._stall_seconds:g} s")
        self.computing = False
        if self.cores:
            self.cores.end()
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
        work: asyncio.Event,
        starved: Callable[[float], None],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`starved` is called with `look_seconds`, as long after each other."""
        super().__init__(thread, loop, stall_seconds, work)
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


class Lanes:
    """Those that share a queue: whichever has room takes what is next."""

    def __init__(self, stage: Stage, limits: Limits, stall_seconds: float) -> None:
        self.each: list[Lane] = []
        self._stage = stage
        self._limits = limits
        self._stall_seconds = stall_seconds
        self._queue: FairQueue[Any] = FairQueue()
        self._work = asyncio.Event()

    def add(self, thread: ThreadPoolExecutor) -> None:
        self.each.append(Lane(thread, self._loop(), self._stall_seconds, self._work))

    def share(self, cores: int) -> None:
        sharing = CoreSharing(cores, len(self.each))
        for lane in self.each:
            lane.cores = sharing

    def add_behind(
        self, thread: ThreadPoolExecutor, starved: Callable[[float], None], look_seconds: float
    ) -> None:
        """A lane of the background; for the rest see there."""
        loop, stall = self._loop(), self._stall_seconds
        self.each.append(BackgroundLane(thread, loop, stall, self._work, starved, look_seconds))

    @property
    def waiting(self) -> int:
        """How many items no lane computes."""
        counted = sum(lane.loop.waiting for lane in self.each)
        return counted - (len(self.each) - 1) * len(self._queue)

    def submit(self, ticket: Ticket, item: Any) -> None:
        self.each[0].loop.submit(ticket, item)
        self._work.set()

    def withdraw(self, key: str) -> QueuedItem[Any] | None:
        """Takes back an item that waits."""
        return self.each[0].loop.withdraw(key)

    def _loop(self) -> StepLoop:
        return StepLoop(self._stage, self._limits, time.monotonic, self._queue)
