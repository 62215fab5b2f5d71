"""Runs a `StepLoop` inside a replica: callers wait on the event loop, one thread computes."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from serve_app.batching.fair_queue import Ticket
from serve_app.batching.step_loop import Limits, Outcome, Stage, StepLoop
from serve_app.deployments.heap import IDLE_SECONDS, HeapTrimmer, process_heap
from serve_app.worker.generation import StageLost, StageUnavailable, StepCallback

logger = logging.getLogger("bernie.stage")


class StageDriver:
    """One stage, its batching loop and its compute thread.

    Only the driving task touches the loop. Arrivals and cancellations during a step wait in a list
    and are applied between ticks.
    """

    def __init__(
        self,
        load: Callable[[], Stage],
        limits: Limits,
        observe: Callable[[Outcome, int], None],
        stall_seconds: float,
    ) -> None:
        """`load` runs in the compute thread. A tick longer than `stall_seconds` ends the loop."""
        # torch has a thread count per thread, so the model is loaded in the thread that runs it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stage")
        self._loop = StepLoop(self._thread.submit(load).result(), limits, time.monotonic)
        self._trimmer = self._thread.submit(HeapTrimmer, process_heap()).result()
        self._observe = observe
        self._stall_seconds = stall_seconds
        self._arrived: deque[tuple[Ticket, Any]] = deque()
        self._cancelled: deque[str] = deque()
        self._futures: dict[str, asyncio.Future[Outcome]] = {}
        self._step_callbacks: dict[str, StepCallback] = {}
        self.max_bytes = 0
        """Resident memory beyond which the replica takes nothing more, ends what it has, and then
        fails its health check; 0: no bound."""
        self._retiring = False
        self._sequence = itertools.count()
        self._work = asyncio.Event()
        self._driving: asyncio.Task[None] | None = None

    async def run(self, ticket: Ticket, item: Any, steps: StepCallback | None = None) -> Outcome:
        """The outcome of one item. Raises what its own computation raised, StageLost where the loop
        ends meanwhile, and StageUnavailable where it takes nothing more. Cancelling the call
        removes the item before the next step. Calls `steps` for each step but the last."""
        if self._driving is None:
            self._driving = asyncio.create_task(self._drive())
        if self._retiring or self._driving.done():
            raise StageUnavailable("this replica takes nothing more and is replaced")
        future = asyncio.get_running_loop().create_future()
        # A retry may send a segment while its first call is still queued here.
        key = f"{ticket.key}#{next(self._sequence)}"
        self._futures[key] = future
        if steps is not None:
            self._step_callbacks[key] = steps
        self._arrived.append((replace(ticket, key=key), item))
        self._work.set()
        try:
            outcome: Outcome = await future
        except asyncio.CancelledError:
            self._cancelled.append(key)
            raise
        finally:
            del self._futures[key]
            self._step_callbacks.pop(key, None)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def limit(self, limits: Limits) -> None:
        """Other limits, from the next tick on."""
        self._loop.limits = limits

    def check(self) -> None:
        """Raises if the loop has ended: the replica has to be replaced."""
        if self._driving is not None and self._driving.done():
            self._driving.result()

    async def _drive(self) -> None:
        """Ends only with an error: the callers get it, and the health check fails."""
        try:
            await self._tick_for_ever()
        except Exception as error:
            for future in self._futures.values():
                if not future.done():
                    future.set_exception(StageLost("the batching loop has stopped"))
            raise RuntimeError("the batching loop has stopped") from error

    async def _tick_for_ever(self) -> None:
        running = asyncio.get_running_loop()
        while True:
            while self._arrived:
                self._loop.submit(*self._arrived.popleft())
            while self._cancelled:
                self._loop.cancel(self._cancelled.popleft())
            if not self._loop.busy:
                if self._retiring:
                    raise MemoryError(f"the replica holds more than {self.max_bytes >> 20} MB")
                self._work.clear()
                await self._wait_for_work()
                continue
            tick = running.run_in_executor(self._thread, self._tick)
            if not (await asyncio.wait([tick], timeout=self._stall_seconds))[0]:
                raise RuntimeError(f"a step takes longer than {self._stall_seconds:g} s")
            outcomes = tick.result()
            self._report_steps()
            for outcome in outcomes:
                self._observe(outcome, self._loop.waiting)
                future = self._futures.get(outcome.ticket.key)
                if future is not None and not future.done():
                    future.set_result(outcome)

    def _tick(self) -> list[Outcome]:
        outcomes = self._loop.tick()
        self._trimmer.after_step()
        if self.max_bytes and not self._retiring and self._trimmer.exceeds(self.max_bytes):
            logger.warning("more than %d MB: the replica will be replaced", self.max_bytes >> 20)
            self._retiring = True
        return outcomes

    async def _wait_for_work(self) -> None:
        try:
            await asyncio.wait_for(self._work.wait(), IDLE_SECONDS)
        except TimeoutError:
            self._thread.submit(self._trimmer.when_idle)
            await self._work.wait()

    def _report_steps(self) -> None:
        if not self._step_callbacks:
            return
        for key, (step, steps) in self._loop.progress().items():
            if key in self._step_callbacks:
                self._step_callbacks[key](step, steps)
