"""Claims pending clips and runs them: generate → encode → upload → succeed and charge.

Ray stays outside: the stages come as `generation.Stages`. A worker may die at any point; its
leases run out and the clips are claimed again. The object key is derived from the clip id, so that
a second run overwrites what a first one left.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy.orm import Session

from pipelines import registry
from pipelines.audio import FORMATS, Encoder
from pipelines.protocol import InvalidInput, Request, Waveform
from pipelines.recording import Recording
from pipelines.styletts2.voices import catalogue
from serve_app import clips, queue, streams, sweeping, uploads, voices
from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState
from serve_app.fairness import Ticket
from serve_app.generation import Stages, generate
from serve_app.jobs import REFERENCE, key_of, recordings_of, request_of
from serve_app.queue import Claim, QueueRules
from serve_app.reporting import News, Report
from serve_app.settings import Settings
from serve_app.store import (
    ObjectStore,
    StoreError,
    StoreUnavailable,
    Upload,
)
from serve_app.streams import Tap
from serve_app.tracing import ClipTimings

T = TypeVar("T")
logger = logging.getLogger("bernie.worker")

SWEEP_SECONDS = 30.0
STATS_SECONDS = 5.0
STORE_PAUSE_SECONDS = 10.0
DATABASE_THREADS = 4


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
        self._rules = QueueRules.of(settings)
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._stoppable: dict[str, asyncio.Task[None]] = {}
        """By the token of their lease."""
        self._wake = asyncio.Event()
        self._stopping = False
        self._stopped = asyncio.Event()
        # Two pools, so that a slow store never holds up the renewal of a lease.
        self._records = ThreadPoolExecutor(DATABASE_THREADS, "records")
        self._media = ThreadPoolExecutor(2 * settings.worker_clips + 1, "media")

    def wake(self) -> None:
        """A clip was accepted: look now instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """The main loop. Ends when `stop` is called; outlives every failure of the database."""
        rounds = [
            self._every(SWEEP_SECONDS, "the sweep", partial(self._in_thread, self._sweep)),
            self._every(STATS_SECONDS, "the count", partial(self._in_thread, self._report_queue)),
            self._every(self._settings.poll_seconds, "the look at claims", self._stop_unwanted),
        ]
        chores = [asyncio.create_task(each) for each in rounds]
        try:
            while not self._stopping:
                self._wake.clear()
                if not await self._claim_one():
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
            await self._transact(partial(_release, claim))

    async def _claim_one(self) -> bool:
        """Whether a clip was taken, so that there may be another."""
        if len(self._running) >= self._settings.worker_clips:
            return False
        try:
            claim = await self._transact(lambda s, now: queue.claim(s, self._rules, now))
        except Exception:
            logger.exception("could not look for work")
            return False
        if claim is None:
            return False
        task = asyncio.create_task(self._work(claim))
        self._running[task] = claim
        task.add_done_callback(self._finished)
        return True

    def _finished(self, task: asyncio.Task[None]) -> None:
        claim = self._running.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("clip %s is left to its lease", claim.clip.id, exc_info=error)
        self._wake.set()

    async def _work(self, claim: Claim) -> None:
        """One try at one clip; ends in one transition of its state, or in none if the lease is
        lost."""
        producing = asyncio.create_task(self._produce(claim))
        self._stoppable[claim.token] = producing
        keeping = asyncio.create_task(self._keep_lease(claim))
        try:
            await producing
        except asyncio.CancelledError:
            producing.cancel()
            await asyncio.gather(producing, return_exceptions=True)
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                raise
            logger.info("clip %s was cancelled or its lease was lost", claim.clip.id)
        except Exception as error:  # noqa: BLE001 - recorded with the clip
            await self._failed(claim, error)
        finally:
            keeping.cancel()
            self._stoppable.pop(claim.token, None)

    async def _produce(self, claim: Claim) -> None:
        """Makes the audio, stores it, and charges for it."""
        clip = claim.clip
        timings = ClipTimings()
        key = key_of(clip)
        content_type = FORMATS[clip.options["format"]].content_type
        if clip.attempts > 1:
            # What an earlier try left unfinished under this key is of no more use.
            await self._in_thread(self._store.abort_stale_uploads, key, math.inf)
        upload = self._store.open_upload(key, content_type)
        report = Report(partial(self._tell, claim), partial(self._keep, claim))
        report.begin()
        saved = False
        try:
            seconds = await self._generate(clip, upload, timings, report)
            with timings.measure("upload"):
                size = await self._in_thread(upload.complete)
            # A clip that has succeeded has no lease either: what watches the leases must not take
            # that for a loss before the answer is here.
            self._stoppable.pop(claim.token, None)
            saved = await self._transact(
                lambda s, now: queue.succeed(
                    s, clip.id, claim.token, key, size, seconds, timings.summary(), now
                )
            )
        finally:
            await asyncio.shield(self._clear(claim, upload, report, saved))
        if saved:
            self._observer.ended(clip.service, "succeeded")
            self._observer.made(clip.service, seconds, timings.elapsed())

    async def _generate(
        self, clip: Clip, upload: Upload, timings: ClipTimings, report: Report
    ) -> float:
        """Writes the encoded audio into the upload as it is made; returns its length in seconds."""
        settings = self._settings
        request = await self._request(clip)
        pipeline = settings.pipelines()[clip.service]
        own_rate = registry.sample_rate(clip.service, pipeline)
        stage = settings.pipeline(settings.service(clip.service).vocoder)
        pieces = generate(
            self._stages[clip.service],
            request,
            Ticket(f"{clip.id}.{clip.attempts}", clip.user_id),
            registry.joiner(clip.service, pipeline, stage),
            settings.clip_segments,
            timings,
            report.step,
        )
        async with aclosing(pieces):
            first = await anext(pieces)
            listened = await self._transact(lambda s, _: streams.asked(s, clip.id), reading=True)
            sink = Tap(upload) if listened else upload
            options = clip.options
            rate = options["sample_rate"] or own_rate
            encoder = Encoder(sink, options["format"], own_rate, rate, streaming=listened)

            async def encode(samples: Waveform) -> None:
                with timings.measure("encode"):
                    await self._in_thread(encoder.write, samples)
                if isinstance(sink, Tap):
                    report.stream(encoder.seconds, sink.take())
                else:
                    report.audio(encoder.seconds, upload.size)

            await encode(first)
            async for samples in pieces:
                await encode(samples)
        with timings.measure("encode"):
            await self._in_thread(encoder.close)
        return encoder.seconds

    async def _request(self, clip: Clip) -> Request:
        """What the pipeline is asked for. Raises InvalidInput where a recording is of no use."""
        if clip.service not in self._stages:
            message = f"The service {clip.service} is not installed any more."
            raise InvalidInput("service", message, "service_not_installed")
        recordings = {
            role: await self._in_thread(self._recording, role, place)
            for role, place in recordings_of(clip).items()
        }
        return request_of(clip, recordings)

    def _recording(self, role: str, place: str) -> Recording:
        settings = self._settings
        if role == REFERENCE:
            shipped = catalogue(settings.checkpoints)
            return voices.read_reference(self._store, place, role, shipped)
        longest, shortest = settings.max_source_seconds, settings.min_source_seconds
        return uploads.fetch(self._store, place, role, longest, shortest)

    async def _tell(self, claim: Claim, news: News) -> bool:
        """Records events of a try. False if its lease was lost."""
        clip_id, token = claim.clip.id, claim.token
        return await self._transact(
            lambda s, now: all(queue.report(s, clip_id, token, *each, now) for each in news)
        )

    async def _keep(self, claim: Claim, number: int, piece: bytes) -> None:
        """Stores a piece of the audio for those who listen."""
        key = streams.piece_key(claim.clip.id, claim.started, number)
        await self._in_thread(self._store.put, key, piece, "application/octet-stream")

    async def _clear(self, claim: Claim, upload: Upload, report: Report, saved: bool) -> None:
        """No upload is left open, no object without a clip, and no piece of the try. A clip that
        another worker holds by now keeps the object: that worker writes the same key."""
        clip = claim.clip
        await report.end()
        try:
            if not saved:
                await self._in_thread(upload.abort)
                if not await self._transact(lambda s, _: clips.wants_object(s, clip.id)):
                    await self._in_thread(self._store.delete, key_of(clip))
            if report.listened:
                pieces = streams.pieces_prefix(clip.id, claim.started)
                await self._in_thread(self._store.delete_all, pieces)
        except StoreError:
            logger.warning("what is left of clip %s stays for the sweep", clip.id, exc_info=True)

    async def _failed(self, claim: Claim, error: Exception) -> None:
        """Records why: for good where the input is at fault, else for another try."""
        clip = claim.clip
        cause = getattr(error, "cause", error)  # Ray wraps what a replica raised
        if isinstance(cause, InvalidInput):
            code, message = cause.code, cause.message
            await self._transact(
                lambda s, now: queue.fail(s, clip.id, claim.token, code, message, now)
            )
            self._observer.ended(clip.service, "failed")
            return
        logger.error("clip %s, try %d failed", clip.id, clip.attempts, exc_info=error)
        if isinstance(cause, StoreUnavailable):
            # No fault of the clip: it costs no try, and the store gets time to come back.
            await self._transact(
                lambda s, now: queue.postpone(
                    s, clip.id, claim.token, now + STORE_PAUSE_SECONDS, now
                )
            )
            self._observer.ended(clip.service, "postponed")
            return
        reason = ("generation_failed", "The audio could not be generated.")
        if isinstance(cause, StoreError):
            reason = ("storage_refused", "The audio could not be stored.")
        state = await self._transact(
            lambda s, now: queue.retry_or_fail(s, clip.id, claim.token, *reason, self._rules, now)
        )
        if state is ClipState.FAILED:
            with suppress(StoreError):
                await self._in_thread(self._store.delete, key_of(clip))
        self._observer.ended(clip.service, "failed" if state is ClipState.FAILED else "retried")

    async def _keep_lease(self, claim: Claim) -> None:
        """Renews the lease; stops the work when the lease is lost or the clip cancelled."""
        seconds = self._settings.lease_seconds
        held_until = time.monotonic() + seconds
        while True:
            await asyncio.sleep(min(seconds / 3, 5.0))
            try:
                kept = await self._transact(
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

    async def _stop_unwanted(self) -> None:
        """Stops the work on clips that were cancelled, deleted, or taken by another worker."""
        claims = list(self._running.values())
        if not claims:
            return
        wanted = await self._transact(lambda s, _: queue.still_wanted(s, claims), reading=True)
        for claim in claims:
            if claim.token not in wanted:
                self._stop_work(claim)

    def _stop_work(self, claim: Claim) -> None:
        """Once: a second time would cut short what the work does about the first."""
        if (producing := self._stoppable.pop(claim.token, None)) is not None:
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
        sweeping.sweep(self._database, self._store, self._settings)

    def _report_queue(self) -> None:
        with self._database.transaction() as session:
            stats = queue.stats(session, self._database.now(session))
        depth = dict.fromkeys(self._stages, 0) | stats.depth
        self._observer.queue(depth, stats.oldest_age_seconds)

    async def _transact(self, work: Callable[[Session, float], T], *, reading: bool = False) -> T:
        """One transaction, off the event loop, with the database's own time."""
        begin = self._database.reading if reading else self._database.transaction

        def run() -> T:
            with begin() as session:
                return work(session, self._database.now(session))

        return await _in(self._records, run)

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await _in(self._media, function, *arguments)


async def _in(pool: ThreadPoolExecutor, function: Callable[..., T], *arguments: Any) -> T:
    """Runs a blocking call. One that is cancelled is waited for all the same: a thread cannot be
    interrupted, and what follows must not run beside it."""
    call = asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        raise


def _release(claim: Claim, session: Session, now: float) -> None:
    queue.release(session, claim.clip.id, claim.token, now)
