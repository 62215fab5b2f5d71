"""The worker over a real database and object store; only Ray is left out."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

from pipelines.protocol import InvalidInput, Segment
from serve_app.db import notices
from serve_app.db.models import Clip, ClipState, RecordingUpload, Voice
from serve_app.foreground import Foreground
from serve_app.ids import new_id
from serve_app.jobs import admission
from serve_app.media import clips, uploads, voices
from serve_app.media.live_audio import LiveAudio
from serve_app.storage.multipart import MultipartWriter
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing
from serve_app.worker import worker
from tests.serve_app.actions import UNTHROTTLED
from tests.serve_app.worker_harness import WorkerHarness
from tests.waiting import until_on_loop


def test_worker_generates_stores_and_charges(harness: WorkerHarness) -> None:
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert clip.state is ClipState.SUCCEEDED
    assert clip.s3_key == f"styletts2-output/{clip_id}.wav"
    stored = harness.store.get(clip.s3_key)
    assert len(stored) == clip.bytes
    samples, rate = soundfile.read(io.BytesIO(stored))
    assert len(samples) / rate == clip.audio_seconds
    assert clip.timings is not None
    assert clip.timings["segments"] == 2
    assert {"frontend", "vocoder", "encode", "upload"} == set(clip.timings["stages"])
    assert harness.balance() == 9_950
    assert harness.tally.outcomes == ["succeeded"]


def test_worker_retries_a_failing_stage_and_then_fails_the_clip(
    harness: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.worker")

    async def broken(_: Segment) -> None:
        raise RuntimeError("out of memory")

    harness.stages.before = broken
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts - clip.losses) == (ClipState.FAILED, 3)
    assert clip.error_code == "generation_failed"
    assert "out of memory" not in (clip.error or "")
    assert harness.balance() == 10_000
    assert harness.tally.outcomes == ["retried", "retried", "failed"]
    assert not harness.store.list_multipart(f"styletts2-output/{clip_id}")


def test_worker_survives_one_failed_attempt(
    harness: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.worker")
    failures = iter([RuntimeError("once")])

    async def once(_: Segment) -> None:
        for failure in failures:
            raise failure

    harness.stages.before = once
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    assert (harness.clip(clip_id).state, harness.clip(clip_id).attempts) == (ClipState.SUCCEEDED, 2)
    assert harness.balance() == 9_950


def test_worker_fails_invalid_input_at_once(harness: WorkerHarness) -> None:
    async def refuse(_: Segment) -> None:
        raise InvalidInput("text", "This cannot be said.", "nothing_to_say")

    harness.stages.before = refuse
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts) == (ClipState.FAILED, 1)
    assert (clip.error_code, clip.error) == ("nothing_to_say", "This cannot be said.")
    assert harness.balance() == 10_000


def test_worker_stops_a_cancelled_clip_and_leaves_nothing(harness: WorkerHarness) -> None:
    hanging = 0

    async def hang(segment: Segment) -> None:
        nonlocal hanging
        if segment.index > 0:
            hanging += 1
            try:
                await asyncio.sleep(60)
            finally:
                hanging -= 1

    harness.stages.before = hang
    clip_id = harness.submit()
    key = f"styletts2-output/{clip_id}.wav"

    def cancelled_and_quiet() -> bool:
        if harness.clip(clip_id).state is ClipState.PENDING and hanging:
            harness.cancel(clip_id)
        return harness.clip(clip_id).state is ClipState.CANCELLED and hanging == 0

    harness.run(cancelled_and_quiet)
    assert not harness.store.list_multipart(key)
    with pytest.raises(ObjectMissing):
        harness.store.head(key)
    assert harness.balance() == 10_000
    assert harness.tally.outcomes == []


def test_worker_finds_without_notices_what_it_was_not_told_of(harness: WorkerHarness) -> None:
    harness.database.notices.close()

    async def go() -> None:
        async with harness.working(), asyncio.timeout(20):
            await asyncio.sleep(0.2)  # it has found nothing, and waits
            clip_id = await asyncio.to_thread(harness.submit)
            await harness.until(harness.ended(clip_id))

    asyncio.run(go())


def test_worker_stops_only_the_cancelled_clip(harness: WorkerHarness) -> None:
    harness.settings = harness.settings.model_copy(
        update={"lease_seconds": 60, "drain_seconds": 0.1}
    )
    hanging = 0

    async def hang(_: Segment) -> None:
        nonlocal hanging
        hanging += 1
        try:
            await asyncio.sleep(60)
        finally:
            hanging -= 1

    harness.stages.before = hang
    clip_id, other = harness.submit(), harness.submit()
    at = 0.0

    def only_the_other_goes_on() -> bool:
        nonlocal at
        if not at and hanging == 4:
            harness.cancel(clip_id)
            at = time.monotonic()
        return bool(at) and hanging == 2

    harness.run(only_the_other_goes_on)
    assert time.monotonic() - at < 2, "the lease is looked at when it is renewed, every 5 s"
    assert harness.clip(other).state is ClipState.PENDING


def test_worker_completes_the_clean_up_of_a_cancelled_clip(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease watcher runs several times while a slow store is being cleaned up."""
    abort = MultipartWriter.abort

    def slow(upload: MultipartWriter) -> None:
        time.sleep(10 * harness.settings.poll_seconds)
        abort(upload)

    async def hang(segment: Segment) -> None:
        if segment.index > 0:
            await asyncio.sleep(60)

    monkeypatch.setattr(MultipartWriter, "abort", slow)
    harness.stages.before = hang
    clip_id = harness.submit()
    key = f"styletts2-output/{clip_id}.wav"
    at = 0.0

    def looked_at_thrice() -> bool:
        nonlocal at
        if not at and harness.stages.rendered:
            harness.cancel(clip_id)
            at = time.monotonic()
        with harness.database.transaction() as session:
            notices.tell(session, notices.CANCELLED)
        return bool(at) and time.monotonic() - at > 3 * harness.settings.poll_seconds

    harness.run(looked_at_thrice)
    assert not harness.store.list_multipart(key)


def test_worker_leaves_no_object_of_a_clip_cancelled_while_stored(harness: WorkerHarness) -> None:
    async def cancel(segment: Segment) -> None:
        if segment.index == 1:
            harness.cancel(clip_id)

    harness.stages.before = cancel
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    assert harness.clip(clip_id).state is ClipState.CANCELLED
    with pytest.raises(ObjectMissing):
        harness.store.head(f"styletts2-output/{clip_id}.wav")
    assert harness.balance() == 10_000


def test_worker_leaves_no_object_of_a_clip_cancelled_during_complete(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = MultipartWriter.complete

    def slow(upload: MultipartWriter) -> int:
        harness.cancel(clip_id)
        time.sleep(1)  # meanwhile the worker sees that the clip is cancelled
        return complete(upload)

    monkeypatch.setattr(MultipartWriter, "complete", slow)
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    with pytest.raises(ObjectMissing):
        harness.store.head(f"styletts2-output/{clip_id}.wav")


def test_worker_postpones_while_the_store_is_unavailable(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.worker")
    monkeypatch.setattr("serve_app.worker.worker.PAUSE_SECONDS", 0.1)
    away = harness.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    there, harness.store = harness.store, ObjectStore(away)
    clip_id = harness.submit()
    harness.run(lambda: len(harness.tally.outcomes) > 4)
    assert set(harness.tally.outcomes) == {"postponed"}
    harness.store = there
    harness.run(harness.ended(clip_id))
    assert harness.clip(clip_id).state is ClipState.SUCCEEDED
    assert harness.balance() == 9_950


def test_stop_releases_running_clips(harness: WorkerHarness) -> None:
    harness.settings = harness.settings.model_copy(update={"drain_seconds": 0.1})

    async def hang(_: Segment) -> None:
        await asyncio.sleep(60)

    harness.stages.before = hang
    clip_id = harness.submit()
    harness.run(lambda: harness.clip(clip_id).attempts == 1)
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts, clip.lease) == (ClipState.PENDING, 0, None)
    harness.stages.before = None
    harness.run(harness.ended(clip_id))
    assert harness.clip(clip_id).state is ClipState.SUCCEEDED
    assert harness.balance() == 9_950


def test_worker_renews_the_lease_of_long_work(harness: WorkerHarness) -> None:
    # Long enough that a machine which pauses for a second loses no lease.
    harness.settings = harness.settings.model_copy(update={"lease_seconds": 2.0})

    async def slow(_: Segment) -> None:
        await asyncio.sleep(3)

    harness.stages.before = slow
    clip_id = harness.submit("One chunk.")
    harness.run(harness.ended(clip_id))
    assert (harness.clip(clip_id).state, harness.clip(clip_id).attempts) == (ClipState.SUCCEEDED, 1)


def test_worker_sweep_finishes_interrupted_deletions(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_app.worker.worker.SWEEP_SECONDS", 0.1)
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    key = harness.clip(clip_id).s3_key
    assert key is not None
    with harness.database.transaction() as session:
        clips.delete(session, harness.user.id, clip_id, UNTHROTTLED, harness.database.now(session))

    def forgotten() -> bool:
        with harness.database.transaction() as session:
            return session.get(Clip, clip_id) is None

    harness.run(forgotten)
    with pytest.raises(ObjectMissing):
        harness.store.head(key)
    with harness.database.transaction() as session:
        assert admission.stats(session, harness.database.now(session)).running == 0


def test_worker_sweep_removes_expired_recordings(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SWEEP_SECONDS", 0.05)
    old, deleted = f"{uploads.PREFIX}{new_id()}.wav", f"{voices.PREFIX}{new_id()}.flac"
    with harness.database.transaction() as session:
        session.add(
            RecordingUpload(
                id=new_id(),
                user_id=harness.user.id,
                s3_key=old,
                content_type="audio/wav",
                bytes=3,
                created_at=0,
            )
        )
        session.add(
            Voice(
                id=new_id(),
                user_id=harness.user.id,
                name="mine",
                s3_key=deleted,
                seconds=1,
                created_at=0,
                deleted_at=1,
            )
        )
    for key in (old, deleted):
        harness.store.put(key, b"abc", "audio/wav")

    def rows() -> int:
        with harness.database.reading() as session:
            found = [*session.scalars(select(RecordingUpload)), *session.scalars(select(Voice))]
        return len(found)

    harness.run(lambda: rows() == 0)
    for key in (old, deleted):
        with pytest.raises(ObjectMissing):
            harness.store.head(key)


@pytest.mark.parametrize("format_name", ["wav", "opus"])
def test_worker_keeps_the_outline_of_a_clip(harness: WorkerHarness, format_name: str) -> None:
    clip_id = harness.submit(format_name=format_name)
    harness.run(harness.ended(clip_id))
    with harness.database.reading() as session:
        pairs = clips.peaks(session, clip_id)
    assert pairs is not None
    outline = np.frombuffer(pairs, np.int8).reshape(-1, 2)
    assert outline.shape == (1_000, 2)
    assert (outline.min(), outline.max()) == (-13, 13)  # the tone has a tenth of full scale


def test_somebody_waits_until_the_clip_has_begun(harness: WorkerHarness) -> None:
    told: list[str] = []

    class Noting(Foreground):
        @contextmanager
        def waited_for(self) -> Iterator[None]:
            told.append("waits")
            yield
            told.append("hears")

    async def note(segment: Segment) -> None:
        if segment.index:
            await until_on_loop(lambda: "hears" in told, 10, "the first segment is heard")
        told.append(f"segment {segment.index}")

    harness.foreground = Noting()
    harness.stages.before = note
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    assert told == ["waits", "segment 0", "hears", "segment 1"]


def test_listeners_get_a_quarter_of_a_second_before_the_rest_is_encoded(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, heard = LiveAudio.publish, list[int]()

    def note(audio: LiveAudio) -> None:
        publish(audio)
        heard.append(audio.kept)

    monkeypatch.setattr(LiveAudio, "publish", note)
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    header, rate = 44, 24_000
    assert heard[0] == header + 2 * rate // 4
    assert heard[-1] == harness.clip(clip_id).bytes
