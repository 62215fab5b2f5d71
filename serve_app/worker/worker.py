"""Claims ready clips and runs them, each as an attempt of `clip_run.ClipRunner`.

The worker does not know Ray: it gets the stages as `generation.Stages`. It may die at any point;
its leases then expire and its clips are claimed again.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

from sqlalchemy.orm import Session

from pipelines.protocol import InvalidInput
from serve_app.db import notices
from serve_app.db.availability import is_unavailable
from serve_app.db.engine import Database
from serve_app.db.models import BULK, INTERACTIVE, ClipState
from serve_app.endings import end
from serve_app.foreground import Foreground
from serve_app.ids import new_id
from serve_app.jobs import admission, claiming, queue
from serve_app.jobs.queue import Claim
from serve_app.maintenance import leadership
from serve_app.maintenance.sweeper import Sweeper
from serve_app.media.batches import outcomes
from serve_app.media.live_audio import LiveServer
from serve_app.settings import Settings
from serve_app.storage.object_keys import result_key
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import StoreError, StoreUnavailable
from serve_app.worker.clip_run import ClipResult, ClipRunner, TookTooLong
from serve_app.worker.generation import StageLost, Stages, StageUnavailable
from serve_app.worker.leases import Leases
from serve_app.worker.pulse import Pulse
from serve_app.worker.thread_pools import Threads

logger = logging.getLogger("bernie.worker")

SWEEP_SECONDS = 30.0
DELETE_SECONDS = 5.0
LEAD_SECONDS = 5.0
_DUTY = "sweep"
_BULK_CLAIMS = 4
"""Claims that fill the places for lines of batches, under way in turn."""
STATS_SECONDS = 5.0
PAUSE_SECONDS = 10.0
_SKIPPED_SECONDS = 0.25
"""Until the next look at clips that could not be taken: their rows were locked, or they are
suspects."""
_CAUTION_SECONDS = 5.0
"""How long after an outage of the database, or a pause of the whole machine, nothing is taken over
from another worker: it comes back at the same time, and renews its leases first."""
_CHORES_SECONDS = _GIVE_BACK_SECONDS = _CLEAR_SECONDS = 5.0
STOP_SECONDS = _CHORES_SECONDS + _GIVE_BACK_SECONDS + _CLEAR_SECONDS
"""What `stop` takes at most besides the time for draining."""


class Observer(Protocol):
    """Where a worker reports to. See `deployments.metrics.ClipMetrics`."""

    def ended(self, service: str, outcome: str) -> None: ...
    def made(self, service: str, audio_seconds: float, seconds: float) -> None: ...
    def queue(self, depth: dict[str, int], age: float) -> None: ...
    def batches(self, count: int, lines: dict[str, int]) -> None: ...


class Worker:
    """Runs up to `settings.worker_clips` clips and `worker_bulk_clips` lines of batches at a time,
    until it is stopped."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: ObjectStore,
        stages: Mapping[str, Stages],
        observer: Observer,
        host: str = "127.0.0.1",
        foreground: Foreground | None = None,
    ) -> None:
        """`host` is the address of this process under which the ingress can reach it."""
        self._settings = settings
        self._database = database
        self._store = store
        self._stages = stages
        self._observer = observer
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._cancellable: dict[str, asyncio.Task[ClipResult | None]] = {}
        """By the token of their lease."""
        self._wake = asyncio.Event()
        self._name = new_id()
        self._leading = False
        self._sweeper = Sweeper(database, store, settings, lambda: self._stopping)
        self._stopping = False
        self._stopped = asyncio.Event()
        places = settings.worker_clips + settings.worker_bulk_clips
        self._threads = Threads(database, 2 * places + 1)
        self._leases = Leases(
            self._threads,
            settings.lease_seconds,
            settings.look_seconds,
            lambda: self._running.values(),
            self._stop_work,
        )
        self._leasing: asyncio.Task[None] | None = None
        self._claims = Pulse("the claiming of clips")
        self._unanswered = False
        """Whether a claim failed since the last good one: it may have taken effect."""
        self._claim_failed_at = -math.inf
        self._live = LiveServer(host)
        self._runner = ClipRunner(
            settings, store, stages, self._threads, self._live, foreground or Foreground()
        )
        self._next_look = 0.0

    def wake(self) -> None:
        """There may be a clip to take: look now."""
        self._wake.set()

    def reconfigure(self, settings: Settings) -> None:
        """Other settings for what is begun from now on."""
        if settings.worker_clips != self._settings.worker_clips:
            places = settings.worker_clips + settings.worker_bulk_clips
            self._threads.resize(2 * places + 1)
        self._settings = settings
        self._runner.settings = settings
        self._leases.seconds = settings.lease_seconds
        self._sweeper.settings = settings
        self.wake()

    def check(self) -> None:
        """Raises where clips are not claimed, or their leases not renewed, any more."""
        self._claims.check()
        self._leases.pulse.check()

    async def run(self) -> None:
        """The main loop. Ends when `stop` is called; outlives every failure of the database."""
        rounds = [
            self._every(LEAD_SECONDS, "the duty of one", self._take_lead),
            self._every(SWEEP_SECONDS, "the sweep", self._led(self._sweeper.sweep)),
            self._every(DELETE_SECONDS, "the removal", self._led(self._sweeper.remove_deleted)),
            self._every(STATS_SECONDS, "the count", self._led(self._count)),
        ]
        chores = [asyncio.create_task(each) for each in rounds]
        self._leasing = asyncio.create_task(self._keep_leases())
        await self._listen()
        patient = False
        try:
            with self._database.notices.calling(self.wake, notices.LINE):
                while not self._stopping:
                    self._wake.clear()
                    if await self._claim_some(patient):
                        continue
                    try:
                        await asyncio.wait_for(self._wake.wait(), self._next_look)
                        patient = True
                    except TimeoutError:
                        patient = False
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.wait(chores, timeout=_CHORES_SECONDS)
            self._stopped.set()

    async def _keep_leases(self) -> None:
        with self._database.notices.calling(self._leases.look_now, notices.CANCELLED):
            await self._leases.keep()

    async def _listen(self) -> None:
        try:
            await self._live.start()
        except OSError:
            logger.exception("nobody can listen to clips of this worker while they are made")

    async def stop(self) -> None:
        """Claims no more, lets running clips finish within the grace time, releases the rest.

        What is left goes back to its place first, and is cleared away after that: a store that does
        not answer holds up nobody. Leases are renewed to the end.
        """
        self._stopping = True
        self.wake()
        await self._stopped.wait()
        if self._running:
            await asyncio.wait(self._running, timeout=self._settings.drain_seconds)
        left = dict(self._running)
        for task in left:
            task.cancel()
        try:
            async with asyncio.timeout(_GIVE_BACK_SECONDS):
                await self._give_back(list(left.values()))
                if self._leading:
                    await self._threads.claim(lambda s, _: leadership.resign(s, _DUTY, self._name))
        except Exception:
            logger.exception("what was under way is left to its leases")
        if left:
            await asyncio.wait(left, timeout=_CLEAR_SECONDS)
        if self._leasing is not None:
            self._leasing.cancel()
            await asyncio.wait([self._leasing], timeout=_CLEAR_SECONDS)
        self._live.close()

    async def _give_back(self, claims: list[Claim]) -> None:
        await asyncio.gather(
            *(
                self._threads.persist(claim.clip.user_id, partial(_release, claim))
                for claim in claims
            )
        )

    async def _claim_some(self, patient: bool = False) -> bool:
        """Whether as many clips were taken as there was room for, so that there may be more.
        `patient`: lines of batches are taken several at a time, once there is room for them."""
        room = self._room(patient)
        self._next_look = self._settings.poll_seconds if patient else self._settings.look_seconds
        if not any(room.values()):
            self._claims.good()
            return False
        suspects = self._trusts_leases() and not any(
            claim.suspect for claim in self._running.values()
        )
        running = {claim.token for claim in self._running.values()} if self._unanswered else None
        try:
            claims, due = await self._threads.claim(partial(self._claim, room, suspects, running))
        except Exception as error:
            if not self._claims.failing or not is_unavailable(error):
                logger.exception("could not look for work")
            self._claims.failed()
            self._unanswered = True
            self._claim_failed_at = asyncio.get_running_loop().time()
            self._next_look = self._settings.poll_seconds
            return False
        self._claims.good()
        self._unanswered = False
        # That a clip has come due is told by nobody.
        self._next_look = min(self._next_look, max(due, _SKIPPED_SECONDS))
        for claim in claims:
            task = asyncio.create_task(self._work(claim))
            self._running[task] = claim
            task.add_done_callback(self._finished)
        if claims:
            self._leases.renew_soon()
        return len(claims) == sum(room.values())

    def _trusts_leases(self) -> bool:
        """Whether a lease that has run out tells of a dead worker."""
        caution = min(_CAUTION_SECONDS, self._settings.lease_seconds)
        good = asyncio.get_running_loop().time() - self._claim_failed_at >= caution
        return good and self._leases.in_time_for(caution)

    def _room(self, patient: bool) -> dict[int, int]:
        """Free places by lane. Lines of batches have places of their own: they never keep a clip
        from one for which somebody waits, and always get on."""
        settings = self._settings
        running = Counter(claim.clip.lane for claim in self._running.values())
        places = {INTERACTIVE: settings.worker_clips, BULK: settings.worker_bulk_clips}
        room = {
            lane: max(places[lane] - running[lane], 0) if name in settings.worker_lanes else 0
            for lane, name in ((INTERACTIVE, "interactive"), (BULK, "bulk"))
        }
        if patient and room[BULK] < places[BULK] // _BULK_CLAIMS:
            room[BULK] = 0
        return room

    def _claim(
        self,
        room: Mapping[int, int],
        suspects: bool,
        running: Collection[str] | None,
        session: Session,
        now: float,
    ) -> tuple[list[Claim], float]:
        """What is taken, and in how many seconds there may be more. With the tokens of all that is
        `running` here, what an earlier claim took for nobody is given back before."""
        if running is not None and self._live.address is not None:
            queue.release_unanswered(session, self._live.address, running, now)
        claims: list[Claim] = []
        at = time.monotonic()
        lanes = [lane for lane, places in room.items() if places > 0]
        for lane in lanes:
            wary = suspects and not any(claim.suspect for claim in claims)
            places, where = room[lane], self._live.address
            taken = claiming.claim(session, self._settings, now, places, wary, lane, where)
            claims += (replace(each, at=at) for each in taken)
        return claims, claiming.next_look(session, lanes, now)

    def _finished(self, task: asyncio.Task[None]) -> None:
        claim = self._running.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("clip %s is left to its lease", claim.clip.id, exc_info=error)
        self._wake.set()

    async def _work(self, claim: Claim) -> None:
        """One attempt at one clip. It ends in one transition of the clip's state, or in none if the
        lease was lost."""
        mark_stored = partial(self._cancellable.pop, claim.token, None)
        producing = asyncio.create_task(self._runner.run(claim, mark_stored))
        self._cancellable[claim.token] = producing
        try:
            made = await producing
        except asyncio.CancelledError:
            await end([producing])
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

    async def _failed(self, claim: Claim, error: Exception) -> None:
        """Records the failure: final where the input is at fault, else followed by another
        attempt."""
        clip, token = claim.clip, claim.token
        record = partial(self._threads.persist, clip.user_id)
        cause = getattr(error, "cause", error)  # Ray wraps what a replica raised
        if isinstance(cause, InvalidInput):
            why = (cause.code, cause.message)
            await record(lambda s, now: queue.fail(s, clip.id, token, *why, now))
            self._observer.ended(clip.service, "failed")
            return
        logger.error("clip %s, attempt %d failed", clip.id, clip.attempts, exc_info=error)
        if self._stopping:
            # When a worker is stopped, its stages and store may be stopping too.
            await record(partial(_release, claim))
            return
        if isinstance(cause, StoreUnavailable | StageUnavailable) or is_unavailable(cause):
            # Not the clip's fault: the attempt does not count, and the outage gets time to end.
            await record(lambda s, now: queue.release(s, clip.id, token, now, now + PAUSE_SECONDS))
            self._observer.ended(clip.service, "postponed")
            return
        if isinstance(cause, StageLost):
            state = await record(
                lambda s, now: queue.record_lost_attempt(s, clip.id, token, self._settings, now)
            )
        else:
            reason = _reason(cause, claim)
            state = await record(
                lambda s, now: queue.retry_or_fail(s, clip.id, token, *reason, self._settings, now)
            )
        if state is ClipState.FAILED:
            with suppress(StoreError):
                await self._threads.run(self._store.delete, result_key(clip))
        self._observer.ended(clip.service, "failed" if state is ClipState.FAILED else "retried")

    def _stop_work(self, claim: Claim) -> None:
        """Cancels the work once: a second cancellation would interrupt the clean-up after the
        first."""
        if (producing := self._cancellable.pop(claim.token, None)) is not None:
            producing.cancel()

    async def _every(
        self, seconds: float, name: str, chore: Callable[[], Awaitable[object]]
    ) -> None:
        while True:
            try:
                await chore()
            except Exception as error:
                logger.warning("%s failed", name, exc_info=not is_unavailable(error))
            await asyncio.sleep(seconds)

    async def _take_lead(self) -> None:
        """One worker at a time sweeps and counts; where it is gone another takes over."""
        led = self._leading
        self._leading = await self._threads.chore(self._lead)
        if led and not self._leading:
            self._observer.queue(dict.fromkeys(self._stages, 0), 0.0)
            self._observer.batches(0, dict.fromkeys(outcomes.LINE_STATES, 0))

    def _lead(self) -> bool:
        with self._database.transaction() as session:
            now = self._database.now(session)
            return leadership.lead(session, _DUTY, self._name, now, 6 * LEAD_SECONDS)

    def _led(self, chore: Callable[[], None]) -> Callable[[], Awaitable[None]]:
        """The chore of the worker that leads."""

        async def run() -> None:
            if self._leading:
                await self._threads.chore(chore)

        return run

    def _count(self) -> None:
        with self._database.reading() as session:
            stats = admission.stats(session, self._database.now(session))
            count, lines = outcomes.under_way(session)
        depth = dict.fromkeys(self._stages, 0) | stats.depth
        self._observer.queue(depth, stats.oldest_age_seconds)
        self._observer.batches(count, lines)


def _reason(cause: Exception, claim: Claim) -> tuple[str, str]:
    """The code and message of a clip whose last attempt ends like this."""
    if isinstance(cause, TookTooLong):
        return queue.TOO_LONG, f"The attempt was not done within {claim.seconds:.3g} s."
    if isinstance(cause, StoreError):
        return "storage_refused", "The audio could not be stored."
    return "generation_failed", "The audio could not be generated."


def _release(claim: Claim, session: Session, now: float) -> None:
    queue.release(session, claim.clip.id, claim.token, now)
