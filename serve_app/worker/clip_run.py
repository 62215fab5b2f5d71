"""One attempt at a clip: generate, encode, upload, succeed and charge.

The object key is derived from the clip's id, so an attempt overwrites what an earlier one left. A
result that was complete and stored before its worker died is found, and only charged.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from pipelines import registry
from pipelines.audio.containers import ENCODINGS, Encoder, own_rate
from pipelines.audio.peaks import Peaks
from pipelines.audio.recording import Recording
from pipelines.protocol import InvalidInput, Request, Waveform, Word
from pipelines.voices.shipped_voices import catalogue
from serve_app.batching.fair_queue import Ticket
from serve_app.db.models import BULK, Clip
from serve_app.foreground import Foreground
from serve_app.jobs import queue
from serve_app.jobs.queue import Claim
from serve_app.jobs.successes import Success
from serve_app.media import clips, uploads, voices, word_times
from serve_app.media.live_audio import LiveAudio, LiveServer
from serve_app.media.pipeline_requests import REFERENCE, recordings_of, request_of
from serve_app.settings import Settings
from serve_app.storage.multipart import MultipartWriter
from serve_app.storage.object_keys import result_key
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing, StoreError
from serve_app.worker.charges import Charges
from serve_app.worker.generation import Stages, generate
from serve_app.worker.progress import EventBatch, ProgressReporter
from serve_app.worker.thread_pools import Threads
from serve_app.worker.timings import ClipTimings

logger = logging.getLogger("bernie.worker")

_FIRST_SECONDS = 0.25
"""How much audio is encoded first and by itself."""


class TookTooLong(Exception):
    """The attempt was given up at its time limit."""


@dataclass(frozen=True, slots=True)
class ClipResult:
    """The stored audio of a clip: bytes, seconds, and the timings of the work."""

    bytes: int
    seconds: float
    timings: dict[str, Any]


class ClipRunner:
    """Runs attempts at claimed clips."""

    def __init__(
        self,
        settings: Settings,
        store: ObjectStore,
        stages: Mapping[str, Stages],
        threads: Threads,
        live: LiveServer,
        foreground: Foreground,
    ) -> None:
        self.settings = settings
        self._store = store
        self._stages = stages
        self._threads = threads
        self._live = live
        self._foreground = foreground
        self._charges = Charges(threads)

    async def run(self, claim: Claim, mark_stored: Callable[[], object]) -> ClipResult | None:
        """Generates the audio, stores it, and charges for it. None if the lease was lost.

        Calls `mark_stored` once everything is stored: a clip that succeeded has no lease, and the
        lease watcher must not take that for a lost one. Raises TookTooLong, and what the stages
        and the store raise.
        """
        with self._live.broadcasting(claim.clip.id, claim.token) as audio:
            return await self._run(claim, mark_stored, audio)

    async def _run(
        self, claim: Claim, mark_stored: Callable[[], object], audio: LiveAudio
    ) -> ClipResult | None:
        if claim.is_retry:
            if (found := await self._find_stored(claim.clip)) is not None:
                mark_stored()
                return found if await self._succeed(claim, found) else None
            # What an earlier attempt left unfinished under this key is useless.
            key = result_key(claim.clip)
            await self._threads.run(self._store.abort_stale_multipart, key, math.inf)
        made = await self._generate_and_store(claim, mark_stored, audio)
        if made is not None:
            audio.end(whole=True)
        return made

    async def _find_stored(self, clip: Clip) -> ClipResult | None:
        """The result that an earlier attempt recorded, if the object is complete and names that
        attempt."""
        if clip.made_by is None or clip.bytes is None or clip.audio_seconds is None:
            return None
        try:
            info = await self._threads.run(self._store.head, result_key(clip))
        except ObjectMissing:
            return None
        if (info.written_by, info.bytes) != (clip.made_by, clip.bytes):
            return None
        logger.info("clip %s was stored by a lost attempt", clip.id)
        return ClipResult(clip.bytes, clip.audio_seconds, clip.timings or {})

    async def _generate_and_store(
        self, claim: Claim, mark_stored: Callable[[], object], audio: LiveAudio
    ) -> ClipResult | None:
        clip = claim.clip
        timings = ClipTimings(start=claim.at)
        content_type = ENCODINGS[clip.options["format"]].content_type
        bulk = clip.lane == BULK  # nobody listens, so that all but the result is left out
        upload = self._store.open_writer(result_key(clip), content_type, claim.token, eager=False)
        report = ProgressReporter(partial(self._record_events, claim))
        if not bulk:
            report.begin()
        saved = False
        try:
            async with asyncio.timeout(claim.seconds) as limit:
                peaks = Peaks()
                seconds = await self._generate(clip, upload, audio, timings, report, peaks)
                made = ClipResult(upload.size, seconds, timings.summary())
                outline = None if bulk else peaks.pairs()
                if bulk and not upload.begun:
                    # A small result is made again if it is lost before it is recorded.
                    kept = await self._is_held(claim)
                else:
                    kept = await self._checkpoint(claim, made, outline, timings.words)
                if not kept:
                    return None
                with timings.measure("upload"):
                    await self._threads.run(upload.complete)
                limit.reschedule(None)
            mark_stored()
            made = replace(made, timings=timings.summary())
            saved = await self._succeed(claim, made)
        except TimeoutError as error:
            if limit.expired():
                raise TookTooLong from error
            raise
        finally:
            await asyncio.shield(self._clean_up(claim, upload, report, saved))
        return made if saved else None

    async def _checkpoint(
        self, claim: Claim, made: ClipResult, outline: bytes | None, words: Sequence[Word]
    ) -> bool:
        def record(session: Session, _now: float) -> bool:
            clip_id = claim.clip.id
            kept = queue.checkpoint_result(
                session, clip_id, claim.token, made.bytes, made.seconds, made.timings
            )
            if kept and outline is not None:
                clips.record_peaks(session, clip_id, outline)
                word_times.record(session, clip_id, words)
            return kept

        return await self._threads.persist(claim.clip.user_id, record)

    async def _is_held(self, claim: Claim) -> bool:
        """Whether what is stored now can overwrite nobody else's result."""
        held = await self._threads.persist(
            claim.clip.user_id, lambda s, _: queue.active_leases(s, [claim]), reading=True
        )
        return claim.token in held

    async def _succeed(self, claim: Claim, made: ClipResult) -> bool:
        clip = claim.clip
        result = (result_key(clip), made.bytes, made.seconds, made.timings)
        if clip.lane == BULK:
            return await self._charges.record(clip.user_id, Success(clip.id, claim.token, *result))
        sent = False

        def record(session: Session, now: float) -> bool:
            nonlocal sent
            again, sent = sent, True
            saved = queue.succeed(session, clip.id, claim.token, *result, now)
            # The first transaction may have taken effect although its answer was lost.
            return saved or (again and queue.has_succeeded(session, clip.id))

        return await self._threads.persist(clip.user_id, record)

    async def _generate(
        self,
        clip: Clip,
        upload: MultipartWriter,
        audio: LiveAudio,
        timings: ClipTimings,
        report: ProgressReporter,
        peaks: Peaks,
    ) -> float:
        """Writes the encoded audio into the upload, and to those who listen, while it is
        generated; returns its length in seconds."""
        settings = self.settings
        request = await self._request(clip)
        pipeline = settings.pipelines()[clip.service]
        made_at = registry.sample_rate(clip.service, pipeline)
        stage = settings.pipeline(settings.service(clip.service).vocoder)
        pieces = generate(
            self._stages[clip.service],
            request,
            Ticket(f"{clip.id}.{clip.attempts}", clip.user_id, bulk=clip.lane == BULK),
            registry.joiner(clip.service, pipeline, stage),
            made_at,
            settings.clip_segments,
            timings,
            report.step,
        )
        bulk = clip.lane == BULK
        async with aclosing(pieces), AsyncExitStack() as awaited:
            if not bulk:
                awaited.enter_context(self._foreground.waited_for())
            options = clip.options
            rate = options["sample_rate"] or own_rate(options["format"], made_at)
            encoder = Encoder(upload, options["format"], made_at, rate, audio)

            def write(samples: Waveform) -> None:
                encoder.write(samples)
                if not bulk:
                    peaks.add(samples)

            # Opus comes in pages of a second.
            whole = bulk or ENCODINGS[options["format"]].container == "OGG"
            first = round(_FIRST_SECONDS * made_at)
            async for samples in pieces:
                with timings.measure("encode"):
                    at_once = 0 if whole or encoder.samples else first
                    if at_once:
                        # Here: a thread would have to be waited for, and listeners wait for this.
                        write(samples[:at_once])
                        audio.publish()
                    await self._threads.run(write, samples[at_once:])
                audio.publish()
                await awaited.aclose()
                report.audio(encoder.seconds, upload.size)
        with timings.measure("encode"):
            await self._threads.run(encoder.close)
        audio.publish()
        return encoder.seconds

    async def _request(self, clip: Clip) -> Request:
        """The request for the pipeline. Raises InvalidInput where a recording is unusable."""
        if clip.service not in self._stages:
            message = f"The service {clip.service} is not installed any more."
            raise InvalidInput("service", message, "service_not_installed")
        recordings = {
            role: await self._threads.run(self._recording, role, place)
            for role, place in recordings_of(clip).items()
        }
        return request_of(clip, recordings)

    def _recording(self, role: str, place: str) -> Recording:
        settings = self.settings
        if role == REFERENCE:
            shipped = catalogue(settings.checkpoints)
            return voices.read_reference(self._store, place, role, shipped)
        longest, shortest = settings.max_source_seconds, settings.min_source_seconds
        return uploads.fetch(self._store, place, role, longest, shortest)

    async def _record_events(self, claim: Claim, news: EventBatch) -> bool:
        """Records events of the attempt. False if its lease was lost."""
        clip_id, token = claim.clip.id, claim.token
        return await self._threads.transact(
            claim.clip.user_id,
            lambda s, now: all(queue.report(s, clip_id, token, *each, now) for each in news),
        )

    async def _clean_up(
        self, claim: Claim, upload: MultipartWriter, report: ProgressReporter, saved: bool
    ) -> None:
        """Leaves no open upload, and no object without a clip. A clip that another worker holds
        keeps the object, because that worker writes the same key."""
        clip = claim.clip
        await report.end()
        try:
            if not saved:
                await self._threads.run(upload.abort)
                wanted = await self._threads.transact(
                    clip.user_id, lambda s, _: clips.wants_object(s, clip.id), reading=True
                )
                if not wanted:
                    await self._threads.run(self._store.delete, result_key(clip))
        except (StoreError, SQLAlchemyError):
            logger.warning("the sweep will remove what is left of clip %s", clip.id, exc_info=True)
