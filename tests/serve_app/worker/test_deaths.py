"""Workers that are killed in processes of their own, over a real database and object store."""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import os
import signal
import time
from collections.abc import Callable

import pytest
import soundfile

from pipelines.protocol import Segment
from serve_app.db.engine import Database
from serve_app.db.models import ClipState
from serve_app.storage.multipart import MultipartWriter
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing
from tests.serve_app.worker_harness import WorkerHarness
from tests.waiting import until

POISON = "Poison. Poison."


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run_until_killed(harness: WorkerHarness, prepare: Callable[[WorkerHarness], None]) -> None:
    """A worker in a process of its own, which `prepare` makes die."""

    def child() -> None:
        url = harness.database.engine.url.render_as_string(hide_password=False)
        own = WorkerHarness(
            harness.settings, Database(url), ObjectStore(harness.settings), harness.user
        )
        prepare(own)
        asyncio.run(asyncio.wait_for(own.worker().run(), 20))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


def let_leases_run_out(harness: WorkerHarness) -> None:
    time.sleep(harness.settings.lease_seconds + 0.1)


def test_stored_result_of_a_dead_worker_is_charged_without_rework(harness: WorkerHarness) -> None:
    clip_id = harness.submit()
    complete = MultipartWriter.complete

    def complete_and_die(upload: MultipartWriter) -> int:
        complete(upload)
        die()
        raise AssertionError

    def kill_after_upload(_: WorkerHarness) -> None:
        MultipartWriter.complete = complete_and_die  # type: ignore[method-assign]

    run_until_killed(harness, kill_after_upload)
    clip = harness.clip(clip_id)
    assert clip.state is ClipState.PENDING
    stored = harness.store.get(f"styletts2-output/{clip_id}.wav")
    assert clip.bytes == len(stored)
    assert harness.balance() == 10_000

    async def never(_: Segment) -> None:
        raise AssertionError("it is made again")

    harness.stages.before = never
    let_leases_run_out(harness)
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 2, 1)
    assert harness.store.get(clip.s3_key or "") == stored
    samples, rate = soundfile.read(io.BytesIO(stored))
    assert len(samples) / rate == pytest.approx(clip.audio_seconds)
    assert harness.balance() == 9_950
    assert harness.tally.outcomes == ["succeeded"]


def test_incomplete_upload_of_a_dead_worker_is_made_again(harness: WorkerHarness) -> None:
    clip_id = harness.submit()

    def kill_before_upload(_: WorkerHarness) -> None:
        MultipartWriter.complete = lambda _: die()  # type: ignore[method-assign,assignment]

    run_until_killed(harness, kill_before_upload)
    key = f"styletts2-output/{clip_id}.wav"
    assert harness.clip(clip_id).made_by is not None
    harness.store.open_writer(key, "audio/wav").write(b"what a long clip has left")
    until(lambda: harness.store.list_multipart(key), 5, "the upload is open")
    let_leases_run_out(harness)
    harness.run(harness.ended(clip_id))
    assert harness.clip(clip_id).state is ClipState.SUCCEEDED
    assert len(harness.store.get(key)) == harness.clip(clip_id).bytes
    assert not harness.store.list_multipart(key)
    assert harness.balance() == 9_950


@pytest.mark.parametrize("stale", [b"", b"of another try"], ids=["nothing", "another object"])
def test_object_of_another_attempt_is_not_taken_for_the_result(
    harness: WorkerHarness, stale: bytes
) -> None:
    clip_id = harness.submit()
    key = f"styletts2-output/{clip_id}.wav"

    def kill_before_upload(_: WorkerHarness) -> None:
        MultipartWriter.complete = lambda _: die()  # type: ignore[method-assign,assignment]

    run_until_killed(harness, kill_before_upload)
    size = harness.clip(clip_id).bytes or 0
    if stale:
        with harness.store.open_writer(key, "audio/wav", "another try") as upload:
            upload.write(bytes(size))
            upload.complete()
    let_leases_run_out(harness)
    harness.run(harness.ended(clip_id))
    assert harness.clip(clip_id).state is ClipState.SUCCEEDED
    assert harness.store.get(key) != bytes(size)


def test_poisonous_clip_fails_and_others_lose_one_attempt(harness: WorkerHarness) -> None:
    """Every worker that makes the poisoned clip is killed, with all the clips that it runs."""
    harness.settings = harness.settings.model_copy(update={"max_losses": 3})
    poison = harness.submit(POISON)
    innocents = [harness.submit(f"Innocent number {number}.") for number in range(3)]

    def poisonous(own: WorkerHarness) -> None:
        async def kill(segment: Segment) -> None:
            if segment.length == len(POISON):
                await asyncio.sleep(0.3)
                die()
            await asyncio.sleep(0.6)

        own.stages.before = kill

    for losses in (1, 2, 3):
        run_until_killed(harness, poisonous)
        let_leases_run_out(harness)
        harness.stages.before = None
        assert harness.clip(poison).attempts == losses
    harness.run(lambda: all(harness.ended(each)() for each in (poison, *innocents)))
    failed = harness.clip(poison)
    assert (failed.state, failed.error_code, failed.losses) == (ClipState.FAILED, "worker_lost", 3)
    made = [harness.clip(each) for each in innocents]
    assert [each.state for each in made] == [ClipState.SUCCEEDED] * 3
    assert [each.losses for each in made] == [1] * 3, (
        "in the company of the poison, and never again"
    )
    assert harness.balance() == 10_000 - 3 * 50
    with pytest.raises(ObjectMissing):
        harness.store.head(f"styletts2-output/{poison}.wav")
