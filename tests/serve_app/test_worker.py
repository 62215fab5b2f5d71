"""The worker over a real database and object store; only Ray is left out."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import soundfile

from pipelines import registry
from pipelines.protocol import InvalidInput, Request, Segment, Waveform
from serve_app import clips, credits, queue
from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState, User
from serve_app.fairness import Ticket
from serve_app.queue import QueueRules
from serve_app.settings import Settings
from serve_app.store import ObjectMissing, ObjectStore, Upload
from serve_app.tracing import StageTiming, Traced
from serve_app.worker import Worker
from tests.serve_app.acts import UNTHROTTLED, make_user

TEXT = "A text of two chunks, because there is more of it than fits into one of them. " * 2


class TonesHere:
    """The three no-op stages in this process. `before` is awaited ahead of every segment."""

    def __init__(self, settings: Settings) -> None:
        names = ("styletts2", "noop")
        pipeline = settings.pipeline(settings.frontend)
        self._frontend = registry.load_frontend(*names, pipeline)
        self._diffusion = registry.load_diffusion(*names, pipeline)
        self._vocoder = registry.load_vocoder(*names, pipeline)
        self.before: Callable[[Segment], Awaitable[None]] | None = None

    async def prepare(self, request: Request, ticket: Ticket) -> Traced[list[Segment]]:
        return Traced(self._frontend.prepare([request])[0], (StageTiming("frontend", 0, 0, 1),))

    async def render(self, segment: Segment, ticket: Ticket) -> Traced[Waveform]:
        if self.before is not None:
            await self.before(segment)
        acoustics = self._diffusion.finish(self._diffusion.begin([segment]))
        return Traced(self._vocoder.synthesize(acoustics)[0], (StageTiming("vocoder", 0, 0, 1),))


class Tally:
    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def ended(self, service: str, outcome: str) -> None:
        self.outcomes.append(outcome)

    def made(self, service: str, audio_seconds: float, seconds: float) -> None:
        assert audio_seconds > 0
        assert seconds > 0

    def queue(self, depth: dict[str, int], age: float) -> None:
        """Not looked at."""


class Bench:
    """A user, a worker, and ways to look at what becomes of the user's clips."""

    def __init__(self, settings: Settings, database: Database, store: ObjectStore) -> None:
        self.settings = settings
        self.database = database
        self.store = store
        self.stages = TonesHere(settings)
        self.tally = Tally()
        self.user: User = make_user(database)

    def worker(self) -> Worker:
        stages = {"styletts2": self.stages}
        return Worker(self.settings, self.database, self.store, stages, self.tally)

    def submit(self, text: str = TEXT) -> str:
        options: dict[str, Any] = {"speed": 1.0, "seed": 1, "format": "wav", "sample_rate": None}
        new = clips.NewClip("styletts2", text, "af_heart", None, options, 50)
        with self.database.transaction() as session:
            rules = QueueRules.of(self.settings)
            now = self.database.now(session)
            return clips.submit(session, self.user.id, new, rules, now)[0].id

    def clip(self, clip_id: str) -> Clip:
        with self.database.transaction() as session:
            return clips.get(session, self.user.id, clip_id)

    def cancel(self, clip_id: str) -> None:
        with self.database.transaction() as session:
            now = self.database.now(session)
            clips.delete(session, self.user.id, clip_id, UNTHROTTLED, now)

    def balance(self) -> int:
        with self.database.transaction() as session:
            return credits.balance(session, self.user.id)

    def run(self, until: Callable[[], bool], seconds: float = 20) -> None:
        """Runs a worker until the condition holds, then stops it."""

        async def go() -> None:
            worker = self.worker()
            running = asyncio.create_task(worker.run())
            async with asyncio.timeout(seconds):
                while not await asyncio.to_thread(until):
                    await asyncio.sleep(0.02)
            await worker.stop()
            await running

        asyncio.run(go())

    def ended(self, clip_id: str) -> Callable[[], bool]:
        return lambda: self.clip(clip_id).state is not ClipState.PENDING


@pytest.fixture
def bench(api_settings: Settings, database: Database, api_store: ObjectStore) -> Bench:
    settings = api_settings.model_copy(
        update={
            "speech_pipeline": "noop",
            "lease_seconds": 0.6,
            "retry_backoff_seconds": 0.05,
            "drain_seconds": 5.0,
            "throttle_starts": 100,
        }
    )
    return Bench(settings, database, api_store)


def test_a_clip_is_made_stored_and_charged(bench: Bench) -> None:
    clip_id = bench.submit()
    bench.run(bench.ended(clip_id))
    clip = bench.clip(clip_id)
    assert clip.state is ClipState.SUCCEEDED
    assert clip.s3_key == f"styletts2-output/{clip_id}.wav"
    stored = bench.store.get(clip.s3_key)
    assert len(stored) == clip.bytes
    samples, rate = soundfile.read(io.BytesIO(stored))
    assert len(samples) / rate == clip.audio_seconds
    assert clip.timings is not None
    assert clip.timings["segments"] == 2
    assert {"frontend", "vocoder", "encode", "upload"} == set(clip.timings["stages"])
    assert bench.balance() == 9_950
    assert bench.tally.outcomes == ["succeeded"]


def test_a_failing_stage_is_tried_again_and_then_the_clip_fails(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.worker")

    async def broken(_: Segment) -> None:
        raise RuntimeError("out of memory")

    bench.stages.before = broken
    clip_id = bench.submit()
    bench.run(bench.ended(clip_id))
    clip = bench.clip(clip_id)
    assert (clip.state, clip.attempts) == (ClipState.FAILED, 3)
    assert clip.error_code == "generation_failed"
    assert "out of memory" not in (clip.error or "")
    assert bench.balance() == 10_000
    assert bench.tally.outcomes == ["retried", "retried", "failed"]
    assert not bench.store.list_uploads(f"styletts2-output/{clip_id}")


def test_a_failure_that_passes_costs_a_try_and_no_more(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.worker")
    failures = iter([RuntimeError("once")])

    async def once(_: Segment) -> None:
        for failure in failures:
            raise failure

    bench.stages.before = once
    clip_id = bench.submit()
    bench.run(bench.ended(clip_id))
    assert (bench.clip(clip_id).state, bench.clip(clip_id).attempts) == (ClipState.SUCCEEDED, 2)
    assert bench.balance() == 9_950


def test_input_found_bad_late_fails_at_once(bench: Bench) -> None:
    async def refuse(_: Segment) -> None:
        raise InvalidInput("text", "This cannot be said.", "nothing_to_say")

    bench.stages.before = refuse
    clip_id = bench.submit()
    bench.run(bench.ended(clip_id))
    clip = bench.clip(clip_id)
    assert (clip.state, clip.attempts) == (ClipState.FAILED, 1)
    assert (clip.error_code, clip.error) == ("nothing_to_say", "This cannot be said.")
    assert bench.balance() == 10_000


def test_a_cancelled_clip_stops_and_leaves_nothing(bench: Bench) -> None:
    hanging = 0

    async def hang(segment: Segment) -> None:
        nonlocal hanging
        if segment.index > 0:
            hanging += 1
            try:
                await asyncio.sleep(60)
            finally:
                hanging -= 1

    bench.stages.before = hang
    clip_id = bench.submit()
    key = f"styletts2-output/{clip_id}.wav"

    def cancelled_and_quiet() -> bool:
        if bench.clip(clip_id).state is ClipState.PENDING and bench.store.list_uploads(key):
            bench.cancel(clip_id)
        return bench.clip(clip_id).state is ClipState.CANCELLED and hanging == 0

    bench.run(cancelled_and_quiet)
    assert not bench.store.list_uploads(key)
    with pytest.raises(ObjectMissing):
        bench.store.head(key)
    assert bench.balance() == 10_000
    assert bench.tally.outcomes == []


def test_cancelling_stops_that_work_and_no_other_at_once(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"lease_seconds": 60, "drain_seconds": 0.1})
    hanging = 0

    async def hang(_: Segment) -> None:
        nonlocal hanging
        hanging += 1
        try:
            await asyncio.sleep(60)
        finally:
            hanging -= 1

    bench.stages.before = hang
    clip_id, other = bench.submit(), bench.submit()
    at = 0.0

    def only_the_other_goes_on() -> bool:
        nonlocal at
        if not at and hanging == 4:
            bench.cancel(clip_id)
            at = time.monotonic()
        return bool(at) and hanging == 2

    bench.run(only_the_other_goes_on)
    assert time.monotonic() - at < 2, "the lease is looked at when it is renewed, every 5 s"
    assert bench.clip(other).state is ClipState.PENDING


def test_a_clip_cancelled_while_it_is_stored_leaves_no_object(bench: Bench) -> None:
    async def cancel(segment: Segment) -> None:
        if segment.index == 1:
            bench.cancel(clip_id)

    bench.stages.before = cancel
    clip_id = bench.submit()
    bench.run(bench.ended(clip_id))
    assert bench.clip(clip_id).state is ClipState.CANCELLED
    with pytest.raises(ObjectMissing):
        bench.store.head(f"styletts2-output/{clip_id}.wav")
    assert bench.balance() == 10_000


def test_a_clip_cancelled_while_its_upload_completes_leaves_no_object(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = Upload.complete

    def slow(upload: Upload) -> int:
        bench.cancel(clip_id)
        time.sleep(1)  # meanwhile the worker sees that the clip is cancelled
        return complete(upload)

    monkeypatch.setattr(Upload, "complete", slow)
    clip_id = bench.submit()
    bench.run(bench.ended(clip_id))
    with pytest.raises(ObjectMissing):
        bench.store.head(f"styletts2-output/{clip_id}.wav")


def test_a_store_that_is_away_costs_no_try(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.worker")
    monkeypatch.setattr("serve_app.worker.STORE_PAUSE_SECONDS", 0.1)
    away = bench.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    there, bench.store = bench.store, ObjectStore(away)
    clip_id = bench.submit()
    bench.run(lambda: len(bench.tally.outcomes) > 4)
    assert set(bench.tally.outcomes) == {"postponed"}
    bench.store = there
    bench.run(bench.ended(clip_id))
    assert bench.clip(clip_id).state is ClipState.SUCCEEDED
    assert bench.balance() == 9_950


def test_a_stopped_worker_gives_its_clip_back(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"drain_seconds": 0.1})

    async def hang(_: Segment) -> None:
        await asyncio.sleep(60)

    bench.stages.before = hang
    clip_id = bench.submit()
    bench.run(lambda: bench.clip(clip_id).attempts == 1)
    clip = bench.clip(clip_id)
    assert (clip.state, clip.attempts, clip.lease) == (ClipState.PENDING, 0, None)
    bench.stages.before = None
    bench.run(bench.ended(clip_id))
    assert bench.clip(clip_id).state is ClipState.SUCCEEDED
    assert bench.balance() == 9_950


def test_the_lease_is_kept_while_the_work_takes_longer(bench: Bench) -> None:
    async def slow(_: Segment) -> None:
        await asyncio.sleep(1.5)

    bench.stages.before = slow
    clip_id = bench.submit()
    bench.run(bench.ended(clip_id))
    assert (bench.clip(clip_id).state, bench.clip(clip_id).attempts) == (ClipState.SUCCEEDED, 1)


def test_interrupted_deletions_are_finished(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve_app.worker.SWEEP_SECONDS", 0.1)
    clip_id = bench.submit()
    bench.run(bench.ended(clip_id))
    key = bench.clip(clip_id).s3_key
    assert key is not None
    with bench.database.transaction() as session:
        clips.delete(session, bench.user.id, clip_id, UNTHROTTLED, bench.database.now(session))

    def forgotten() -> bool:
        with bench.database.transaction() as session:
            return session.get(Clip, clip_id) is None

    bench.run(forgotten)
    with pytest.raises(ObjectMissing):
        bench.store.head(key)
    with bench.database.transaction() as session:
        assert queue.stats(session, bench.database.now(session)).running == 0
