"""Claims pending clips and runs them, each as a try of `attempt.ClipRunner`.

Ray stays outside: the stages come as `generation.Stages`. A worker may die at any point; its
leases run out and the clips are claimed again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Protocol

from sqlalchemy.orm import Session

from pipelines.protocol import InvalidInput
from serve_app.db.engine import Database
from serve_app.db.models import ClipState
from serve_app.jobs import admission, claiming, queue
from serve_app.jobs.queue import Claim
from serve_app.maintenance import sweeper
from serve_app.settings import Settings
from serve_app.storage.object_keys import result_key
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import StoreError, StoreUnavailable
from serve_app.worker.clip_run import ClipResult, ClipRunner, TookTooLong
from serve_app.worker.generation import StageLost, Stages, StageUnavailable
from serve_app.worker.thread_pools import Threads

logger = logging.getLogger("bernie.worker")

SWEEP_SECONDS = 30.0
STATS_SECONDS = 5.0
PAUSE_SECONDS = 10.0


class Observer(Protocol):
    """Where a worker reports to. See `deployments.metrics.ClipMetrics`."""

    def ended(self, service: str, outcome: str) -> None: ...
    def made(self, service: str, audio_seconds: float, seconds: float) -> None: ...
    def queue(self, depth: dict[str, int], age: float) -> None: ...


class Worker:
    """Runs up to `settings.worker_clips` clips at a time until it is stopped."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: ObjectStore,
        stages: Mapping[str, Stages],
        observer: Observer,
    ) -> None:
        self._settings = settings
        self._database = database
        self._store = store
        self._stages = stages
        self._observer = observer
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._cancellable: dict[str, asyncio.Task[ClipResult | None]] = {}
        """By the token of their lease."""
        self._wake = asyncio.Event()
        self._stopping = False
        self._stopped = asyncio.Event()
        self._threads = Threads(database, 2 * settings.worker_clips + 1)
        self._runner = ClipRunner(settings, store, stages, self._threads)

    def wake(self) -> None:
        """A clip was accepted: look now instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """The main loop. Ends when `stop` is called; outlives every failure of the database."""
        rounds = [
            self._every(SWEEP_SECONDS, "the sweep", partial(self._threads.run, self._sweep)),
            self._every(STATS_SECONDS, "the count", partial(self._threads.run, self._report_queue)),
            self._every(self._settings.poll_seconds, "the look at claims", self._stop_revoked),
        ]
        chores = [asyncio.create_task(each) for each in rounds]
        try:
            while not self._stopping:
                self._wake.clear()
                if not await self._claim_some():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), self._settings.poll_seconds)
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
            self._stopped.set()

    async def stop(self) -> None:
        """Claims no more, lets running clips finish within the grace time, releases the rest."""
        self._stopping = True
        self.wake()
        await self._stopped.wait()
        if self._running:
            await asyncio.wait(self._running, timeout=self._settings.drain_seconds)
        left = dict(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for claim in left.values():
            await self._threads.transact(partial(_release, claim))

    async def _claim_some(self) -> bool:
        """Whether as many clips were taken as there was room for, so that there may be more."""
        room = self._settings.worker_clips - len(self._running)
        if room == 0:
            return False
        suspects = not any(claim.suspect for claim in self._running.values())
        try:
            claims = await self._threads.transact(
                lambda s, now: claiming.claim(s, self._settings, now, room, suspects)
            )
        except Exception:
            logger.exception("could not look for work")
            return False
        for claim in claims:
            task = asyncio.create_task(self._work(claim))
            self._running[task] = claim
            task.add_done_callback(self._finished)
        return len(claims) == room

    def _finished(self, task: asyncio.Task[None]) -> None:
        claim = self._running.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("clip %s is left to its lease", claim.clip.id, exc_info=error)
        self._wake.set()

    async def _work(self, claim: Claim) -> None:
        """One try at one clip; ends in one transition of its state, or in none if the lease is
        lost."""
        mark_stored = partial(self._cancellable.pop, claim.token, None)
        producing = asyncio.create_task(self._runner.run(claim, mark_stored))
        self._cancellable[claim.token] = producing
        keeping = asyncio.create_task(self._keep_lease(claim))
        try:
            made = await producing
        except asyncio.CancelledError:
            producing.cancel()
            await asyncio.gather(producing, return_exceptions=True)
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                raise
            logger.info("clip %s was cancelled or its lease was lost", claim.clip.id)
        except Exception as error:  # noqa: BLE001 - recorded with the clip
            await self._failed(claim, error)
        else:
            if made is not None:
                self._observer.ended(claim.clip.service, "succeeded")
                self._observer.made(claim.clip.service, made.seconds, made.timings["total_seconds"])
        finally:
            self._cancellable.pop(claim.token, None)
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _failed(self, claim: Claim, error: Exception) -> None:
        """Records why: for good where the input is at fault, else for another try."""
        clip, token = claim.clip, claim.token
        cause = getattr(error, "cause", error)  # Ray wraps what a replica raised
        if isinstance(cause, InvalidInput):
            why = (cause.code, cause.message)
            await self._threads.transact(lambda s, now: queue.fail(s, clip.id, token, *why, now))
            self._observer.ended(clip.service, "failed")
            return
        logger.error("clip %s, try %d failed", clip.id, clip.attempts, exc_info=error)
        if self._stopping:
            # What goes on around a worker that is stopped may be stopping, too.
            await self._threads.transact(partial(_release, claim))
            return
        if isinstance(cause, StoreUnavailable | StageUnavailable):
            # No fault of the clip: it costs no try, and what failed gets time to come back.
            await self._threads.transact(
                lambda s, now: queue.release(s, clip.id, token, now, now + PAUSE_SECONDS)
            )
            self._observer.ended(clip.service, "postponed")
            return
        if isinstance(cause, StageLost):
            state = await self._threads.transact(
                lambda s, now: queue.record_lost_attempt(s, clip.id, token, self._settings, now)
            )
        else:
            reason = _reason(cause, claim)
            state = await self._threads.transact(
                lambda s, now: queue.retry_or_fail(s, clip.id, token, *reason, self._settings, now)
            )
        if state is ClipState.FAILED:
            with suppress(StoreError):
                await self._threads.run(self._store.delete, result_key(clip))
        self._observer.ended(clip.service, "failed" if state is ClipState.FAILED else "retried")

    async def _keep_lease(self, claim: Claim) -> None:
        """Renews the lease; stops the work when the lease is lost or the clip cancelled."""
        seconds = self._settings.lease_seconds
        held_until = time.monotonic() + seconds
        while True:
            await asyncio.sleep(min(seconds / 3, 5.0))
            try:
                kept = await self._threads.transact(
                    lambda s, now: queue.renew(s, claim.clip.id, claim.token, now, seconds)
                )
            except Exception:
                logger.exception("could not renew the lease of clip %s", claim.clip.id)
                kept = time.monotonic() < held_until
            else:
                held_until = time.monotonic() + seconds
            if not kept:
                self._stop_work(claim)
                return

    async def _stop_revoked(self) -> None:
        """Stops the work on clips that were cancelled, deleted, or taken by another worker."""
        claims = list(self._running.values())
        if not claims:
            return
        wanted = await self._threads.transact(
            lambda s, _: queue.active_leases(s, claims), reading=True
        )
        for claim in claims:
            if claim.token not in wanted:
                self._stop_work(claim)

    def _stop_work(self, claim: Claim) -> None:
        """Once: a second time would cut short what the work does about the first."""
        if (producing := self._cancellable.pop(claim.token, None)) is not None:
            producing.cancel()

    async def _every(
        self, seconds: float, name: str, chore: Callable[[], Awaitable[object]]
    ) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await chore()
            except Exception:
                logger.exception("%s failed", name)

    def _sweep(self) -> None:
        sweeper.sweep(self._database, self._store, self._settings)

    def _report_queue(self) -> None:
        with self._database.reading() as session:
            stats = admission.stats(session, self._database.now(session))
        depth = dict.fromkeys(self._stages, 0) | stats.depth
        self._observer.queue(depth, stats.oldest_age_seconds)


def _reason(cause: Exception, claim: Claim) -> tuple[str, str]:
    """The code and the message of a clip whose last try ends so."""
    if isinstance(cause, TookTooLong):
        return queue.TOO_LONG, f"The try was not done within {claim.seconds:.3g} s."
    if isinstance(cause, StoreError):
        return "storage_refused", "The audio could not be stored."
    return "generation_failed", "The audio could not be generated."


def _release(claim: Claim, session: Session, now: float) -> None:
    queue.release(session, claim.clip.id, claim.token, now)
