"""Runs the stage of a replica: callers wait on the event loop, threads compute.

There is one lane for all, a batching loop and its thread, or several: on a CPU lines of batches are
in the background, in lanes whose threads wait for all others (`background.py`), so that a batch of
theirs that is computed already keeps nobody waiting. What waits there for too long goes to a lane
aside, which has to wait for nobody. A model whose results depend on no number of threads has two
lanes for all else, side by side (`core_sharing.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from serve_app.batching.fair_queue import Ticket
from serve_app.batching.overdue import Overdue
from serve_app.batching.step_loop import Limits, Outcome, Stage, StepLoop
from serve_app.deployments.background import Background, give_way
from serve_app.deployments.heap import IDLE_SECONDS, HeapTrimmer, process_heap
from serve_app.deployments.stage_lane import LOOK_SECONDS, Lane, Lanes
from serve_app.foreground import Foreground
from serve_app.worker.generation import StageLost, StageUnavailable, StepCallback

logger = logging.getLogger("bernie.stage")


class StageDriver:
    """One stage, its batching loops and their threads."""

    def __init__(
        self,
        load: Callable[[], Stage],
        limits: Limits,
        observe: Callable[[Outcome, int], None],
        stall_seconds: float,
        background: Background | None = None,
        overdue: Overdue | None = None,
        look_seconds: float = LOOK_SECONDS,
        foreground: Foreground | None = None,
    ) -> None:
        """`load` runs in the thread that computes. Without a `background` lines of batches are
        computed with all others. A tick longer than `stall_seconds` ends the loop."""
        # torch has a thread count per thread, so the model is loaded in the thread that runs it.
        thread = ThreadPoolExecutor(1, thread_name_prefix="stage")
        stage = thread.submit(load).result()
        self._front = self._bulk = Lanes(stage, limits, stall_seconds)
        self._front.add(thread)
        self._kinds = [self._front]
        if background is not None:
            self._bulk = Lanes(stage, limits, stall_seconds)
            for number in range(background.threads):
                each = _thread(f"background-{number}", background.enter)
                self._bulk.add_behind(each, self._starved, look_seconds)
            self._aside = Lanes(stage, limits, stall_seconds)
            self._aside.add(_thread("aside", background.prepare))
            self._kinds += [self._bulk, self._aside]
        self._counted = 0.0
        """Until when the computing of others than the background is counted."""
        self._foreground = foreground or Foreground()
        self._overdue = overdue or Overdue()
        self._trimmer = thread.submit(HeapTrimmer, process_heap()).result()
        self._trimming = threading.Lock()
        self._observe = observe
        self._futures: dict[str, asyncio.Future[Outcome]] = {}
        self._step_callbacks: dict[str, StepCallback] = {}
        self.max_bytes = 0
        """Resident memory beyond which the replica takes nothing more, ends what it has, and then
        fails its health check; 0: no bound."""
        self._retiring = False
        self._sequence = itertools.count()
        self._driving: list[asyncio.Task[None]] = []

    async def run(self, ticket: Ticket, item: Any, steps: StepCallback | None = None) -> Outcome:
        """The outcome of one item. Raises what its own computation raised, StageLost where a loop
        ends meanwhile, and StageUnavailable where nothing more is taken. Cancelling the call
        removes the item before the next step. Calls `steps` for each step but the last."""
        if not self._driving:
            self._driving = [asyncio.create_task(self._drive(lane)) for lane in self._lanes]
            for task in self._driving:  # `check` tells of one of them
                task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        if self._retiring or any(task.done() for task in self._driving):
            raise StageUnavailable("this replica takes nothing more and is replaced")
        future = asyncio.get_running_loop().create_future()
        # A retry may send a segment while its first call is still queued here.
        key = f"{ticket.key}#{next(self._sequence)}"
        self._futures[key] = future
        if steps is not None:
            self._step_callbacks[key] = steps
        self._submit(replace(ticket, key=key), item)
        try:
            # Later segments of a clip are heard after the first.
            awaited = not ticket.bulk and ticket.index == 0
            with self._foreground.waited_for() if awaited else nullcontext():
                outcome: Outcome = await future
        except asyncio.CancelledError:
            for lane in self._lanes:
                lane.cancel(key)
            raise
        finally:
            del self._futures[key]
            self._step_callbacks.pop(key, None)
            self._overdue.left(key)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def side_by_side(self, cores: int) -> None:
        """From now on two lanes compute what is not in the background. Before the first run, and
        only where results depend on no number of threads."""
        self._front.add(ThreadPoolExecutor(1, thread_name_prefix="beside"))
        self._front.share(cores)
        for number, lane in enumerate(self._front.each):
            lane.later = _thread(f"later-{number}", give_way)

    def limit(self, limits: Limits) -> None:
        """Other limits, from the next tick on."""
        for lane in self._lanes:
            lane.loop.limits = limits

    def check(self) -> None:
        """Raises if a loop has ended: the replica has to be replaced."""
        for task in self._driving:
            if task.done():
                task.result()

    def _submit(self, ticket: Ticket, item: Any) -> None:
        lanes = self._bulk if ticket.bulk else self._front
        if lanes is not self._front:
            self._overdue.arrived(ticket.key)
        lanes.submit(ticket, item)

    def _starved(self, seconds: float) -> None:
        """The background has had to wait for so long, whoever it is that computes."""
        self._overdue.computed(seconds)
        for key in self._overdue.take():
            found = self._bulk.withdraw(key) if key in self._futures else None
            if found is not None:
                self._aside.submit(found.ticket, found.item)

    def _count(self) -> None:
        """Others than the background have computed until now: each second counts once, however
        many do."""
        begun, self._counted = self._counted, time.monotonic()
        self._starved(self._counted - begun)

    async def _drive(self, lane: Lane) -> None:
        """Ends only with an error: the callers get it, and the health check fails."""
        try:
            await self._tick_for_ever(lane)
        except Exception as error:
            for future in self._futures.values():
                if not future.done():
                    future.set_exception(StageLost("the batching loop has stopped"))
            raise RuntimeError("the batching loop has stopped") from error

    async def _tick_for_ever(self, lane: Lane) -> None:
        while True:
            lane.drop_cancelled()
            if not lane.busy:
                if self._retiring and not self._busy:
                    raise MemoryError(f"the replica holds more than {self.max_bytes >> 20} MB")
                lane.work.clear()
                await self._wait_for_work(lane)
                if lane is not self._front.each[0]:
                    # The thread that has computed most has its kernels at hand: it goes first.
                    await asyncio.sleep(0)
                continue
            if lane.cores and lane.cores.taken:
                await lane.cores.wait()
                continue
            if not any(each.computing for each in self._front.each):
                self._counted = time.monotonic()
            outcomes = await lane.tick(self._tick)
            if lane in self._front.each:
                self._count()
            self._report_steps(lane)
            for outcome in outcomes:
                self._hand_out(outcome)
            if self._retiring:
                for each in self._lanes:
                    each.work.set()

    @property
    def _lanes(self) -> list[Lane]:
        return [lane for lanes in self._kinds for lane in lanes.each]

    @property
    def _busy(self) -> bool:
        return any(lane.busy for lane in self._lanes)

    def _hand_out(self, outcome: Outcome) -> None:
        self._observe(outcome, sum(lanes.waiting for lanes in self._kinds))
        future = self._futures.get(outcome.ticket.key)
        if future is not None and not future.done():
            future.set_result(outcome)

    def _tick(self, loop: StepLoop, threads: int) -> list[Outcome]:
        if threads:
            from pipelines.threads import use_threads

            use_threads(threads)
        outcomes = loop.advance()
        # While one thread looks at the heap, the other need not.
        if self._trimming.acquire(blocking=False):
            try:
                self._look_at_memory()
            finally:
                self._trimming.release()
        return outcomes

    def _look_at_memory(self) -> None:
        self._trimmer.after_step()
        if self.max_bytes and not self._retiring and self._trimmer.exceeds(self.max_bytes):
            logger.warning("more than %d MB: the replica will be replaced", self.max_bytes >> 20)
            self._retiring = True

    async def _wait_for_work(self, lane: Lane) -> None:
        try:
            await asyncio.wait_for(lane.work.wait(), IDLE_SECONDS)
        except TimeoutError:
            if not self._busy:
                lane.thread.submit(self._trim_idle)
            await lane.work.wait()

    def _trim_idle(self) -> None:
        with self._trimming:
            self._trimmer.when_idle()

    def _report_steps(self, lane: Lane) -> None:
        if not self._step_callbacks:
            return
        for key, (step, steps) in lane.loop.progress().items():
            if key in self._step_callbacks:
                self._step_callbacks[key](step, steps)


def _thread(name: str, begin: Callable[[], None]) -> ThreadPoolExecutor:
    thread = ThreadPoolExecutor(1, thread_name_prefix=name)
    thread.submit(begin).result()
    return thread
