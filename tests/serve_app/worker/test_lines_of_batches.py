"""Lines of batches in a worker: results without a checkpoint, charges together."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from pipelines.protocol import Segment
from serve_app.db.engine import Database
from serve_app.db.models import Batch, Clip, ClipEvent, ClipPeaks, LedgerEntry
from serve_app.jobs.events import Kind
from serve_app.media.batches import feeding, leases, records
from serve_app.media.batches.lines import Line
from serve_app.media.batches.records import NewBatch
from serve_app.media.clips import NewClip
from serve_app.storage.multipart import MultipartWriter
from serve_app.storage.object_keys import result_key
from tests.serve_app.worker.test_deaths import die, let_leases_run_out, run_until_killed
from tests.serve_app.worker_harness import WorkerHarness


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database


def feed(harness: WorkerHarness, lines: int) -> str:
    """A batch whose lines are all in the queue."""
    options = {"speed": 1.0, "seed": 1, "sample_rate": None, "format": "wav"}
    new = NewBatch("june", "s3://x/lines.jsonl", "0" * 64, "s3://x/out/", {}, lines, 50)
    content = [
        Line(at, str(at), NewClip("styletts2", f"Line {at}.", "af_heart", None, options, 50))
        for at in range(1, lines + 1)
    ]
    with harness.database.transaction() as session:
        now = harness.database.now(session)
        batch, _ = records.accept(session, harness.user.id, new, harness.settings, now)
        token = leases.take(session, batch.id, 600, now) or ""
        assert feeding.add_lines(session, batch, token, content, now) == lines
    return batch.id


def batch_of(harness: WorkerHarness, batch_id: str) -> Batch:
    with harness.database.reading() as session:
        return session.get_one(Batch, batch_id)


def test_lines_are_charged_once_and_leave_nothing_but_results(harness: WorkerHarness) -> None:
    batch_id = feed(harness, 40)
    harness.run(lambda: batch_of(harness, batch_id).succeeded == 40, 60)
    batch = batch_of(harness, batch_id)
    assert (batch.pending, batch.charged, harness.balance()) == (0, 2_000, 8_000)
    assert harness.foreground._last[0] == 0, "nobody waits for a line"
    with harness.database.reading() as session:
        charges = select(func.count()).where(LedgerEntry.reason == "clip")
        assert session.scalars(charges).one() == 40
        kinds = set(session.scalars(select(ClipEvent.kind)))
        assert kinds == {Kind.STARTED, Kind.FINISHED}
        assert session.scalars(select(func.count()).select_from(ClipPeaks)).one() == 0
        made = list(session.scalars(select(Clip)))
    for clip in made:
        assert harness.store.head(clip.s3_key or "").bytes == clip.bytes
    begun = {each.key for each in harness.store.list_multipart("styletts2-output/")}
    assert not begun & {clip.s3_key for clip in made}


def test_line_that_was_lost_behind_its_result_is_made_again_and_charged_once(
    harness: WorkerHarness,
) -> None:
    batch_id = feed(harness, 1)
    complete = MultipartWriter.complete

    def complete_and_die(upload: MultipartWriter) -> int:
        complete(upload)
        die()
        raise AssertionError

    def kill_after_upload(_: WorkerHarness) -> None:
        MultipartWriter.complete = complete_and_die  # type: ignore[method-assign]

    run_until_killed(harness, kill_after_upload)
    assert batch_of(harness, batch_id).succeeded == 0
    let_leases_run_out(harness)
    harness.run(lambda: batch_of(harness, batch_id).succeeded == 1, 60)
    assert batch_of(harness, batch_id).charged == 50
    assert harness.balance() == 9_950


def test_line_that_another_has_taken_over_is_not_overwritten(harness: WorkerHarness) -> None:
    """The worker has not yet looked whether the lease is its own still."""
    settings = {"lease_seconds": 60.0, "poll_seconds": 10.0}
    harness.settings = harness.settings.model_copy(update=settings)
    feed(harness, 1)

    async def take_over(_: Segment) -> None:
        with harness.database.transaction() as session:
            clip = session.scalars(select(Clip)).one()
            clip.lease = "another"
            harness.store.put(result_key(clip), b"another", "audio/wav")

    harness.stages.before = take_over
    harness.run(lambda: bool(harness.stages.rendered))
    with harness.database.reading() as session:
        clip = session.scalars(select(Clip)).one()
    assert harness.store.get(result_key(clip)) == b"another"
    assert clip.lease == "another"
