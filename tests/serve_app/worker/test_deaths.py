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
from serve_app.storage.store import ObjectMissing, ObjectStore, Upload
from tests.serve_app.worker_harness import Bench

POISON = "Poison. Poison."


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run_until_killed(bench: Bench, prepare: Callable[[Bench], None]) -> None:
    """A worker in a process of its own, which has to die of what `prepare` does in it."""

    def child() -> None:
        url = bench.database.engine.url.render_as_string(hide_password=False)
        own = Bench(bench.settings, Database(url), ObjectStore(bench.settings), bench.user)
        prepare(own)
        asyncio.run(asyncio.wait_for(own.worker().run(), 20))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


def let_leases_run_out(bench: Bench) -> None:
    time.sleep(bench.settings.lease_seconds + 0.1)


@pytest.mark.parametrize("streamed", [False, True])
def test_what_was_stored_before_the_worker_died_is_not_made_again(
    bench: Bench, streamed: bool
) -> None:
    clip_id = bench.submit()
    if streamed:
        bench.listen(clip_id)
    complete = Upload.complete

    def complete_and_die(upload: Upload) -> int:
        complete(upload)
        die()
        raise AssertionError

    def kill_after_upload(_: Bench) -> None:
        Upload.complete = complete_and_die  # type: ignore[method-assign]

    run_until_killed(bench, kill_after_upload)
    clip = bench.clip(clip_id)
    assert clip.state is ClipState.PENDING
    stored = bench.store.get(f"styletts2-output/{clip_id}.wav")
    assert clip.bytes == len(stored)
    assert bench.balance() == 10_000

    async def never(_: Segment) -> None:
        raise AssertionError("it is made again")

    bench.stages.before = never
    let_leases_run_out(bench)
    bench.run(bench.ended(clip_id))
    clip = bench.clip(clip_id)
    assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 2, 1)
    assert bench.store.get(clip.s3_key or "") == stored
    samples, rate = soundfile.read(io.BytesIO(stored))
    assert len(samples) / rate == pytest.approx(clip.audio_seconds)
    assert bench.balance() == 9_950
    assert bench.tally.outcomes == ["succeeded"]


def test_an_upload_that_was_not_complete_is_made_again(bench: Bench) -> None:
    clip_id = bench.submit()

    def kill_before_upload(_: Bench) -> None:
        Upload.complete = lambda _: die()  # type: ignore[method-assign,assignment]

    run_until_killed(bench, kill_before_upload)
    key = f"styletts2-output/{clip_id}.wav"
    assert bench.clip(clip_id).made_by is not None
    assert bench.store.list_uploads(key)
    let_leases_run_out(bench)
    bench.run(bench.ended(clip_id))
    assert bench.clip(clip_id).state is ClipState.SUCCEEDED
    assert len(bench.store.get(key)) == bench.clip(clip_id).bytes
    assert not bench.store.list_uploads(key)
    assert bench.balance() == 9_950


@pytest.mark.parametrize("stale", [b"", b"of another try"], ids=["nothing", "another object"])
def test_an_object_of_another_try_is_not_taken_for_the_result(bench: Bench, stale: bytes) -> None:
    clip_id = bench.submit()
    key = f"styletts2-output/{clip_id}.wav"

    def kill_before_upload(_: Bench) -> None:
        Upload.complete = lambda _: die()  # type: ignore[method-assign,assignment]

    run_until_killed(bench, kill_before_upload)
    size = bench.clip(clip_id).bytes or 0
    if stale:
        with bench.store.open_upload(key, "audio/wav", "another try") as upload:
            upload.write(bytes(size))
            upload.complete()
    let_leases_run_out(bench)
    bench.run(bench.ended(clip_id))
    assert bench.clip(clip_id).state is ClipState.SUCCEEDED
    assert bench.store.get(key) != bytes(size)


def test_poison_takes_innocents_along_once_and_then_fails(bench: Bench) -> None:
    """Every worker that makes the poisoned clip is killed, with all the clips that it runs."""
    bench.settings = bench.settings.model_copy(update={"max_losses": 3})
    poison = bench.submit(POISON)
    innocents = [bench.submit(f"Innocent number {number}.") for number in range(3)]

    def poisonous(own: Bench) -> None:
        async def kill(segment: Segment) -> None:
            if segment.length == len(POISON):
                await asyncio.sleep(0.3)
                die()
            await asyncio.sleep(0.6)

        own.stages.before = kill

    for losses in (1, 2, 3):
        run_until_killed(bench, poisonous)
        let_leases_run_out(bench)
        bench.stages.before = None
        assert bench.clip(poison).attempts == losses
    bench.run(lambda: all(bench.ended(each)() for each in (poison, *innocents)))
    failed = bench.clip(poison)
    assert (failed.state, failed.error_code, failed.losses) == (ClipState.FAILED, "worker_lost", 3)
    made = [bench.clip(each) for each in innocents]
    assert [each.state for each in made] == [ClipState.SUCCEEDED] * 3
    assert [each.losses for each in made] == [1] * 3, (
        "in the company of the poison, and never again"
    )
    assert bench.balance() == 10_000 - 3 * 50
    with pytest.raises(ObjectMissing):
        bench.store.head(f"styletts2-output/{poison}.wav")
