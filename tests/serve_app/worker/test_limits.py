"""Time limits, lost stages, stopped workers, jumping clocks."""

from __future__ import annotations

import asyncio
import logging
import time
from threading import Event
from typing import Any

import pytest

from pipelines.protocol import Segment
from serve_app.db.models import ClipState
from serve_app.jobs import claiming, queue
from serve_app.jobs.events import Kind
from serve_app.storage.multipart import MultipartWriter
from serve_app.worker.generation import StageLost, StageUnavailable
from tests.serve_app.actions import events_of
from tests.serve_app.worker_harness import WorkerHarness
from tests.waiting import until


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.worker")


async def hang(_: Segment) -> None:
    await asyncio.sleep(60)


def test_attempt_seconds_end_an_attempt_and_the_clip_is_retried(
    harness: WorkerHarness,
) -> None:
    harness.settings = harness.settings.model_copy(update={"attempt_seconds": 1.5})
    hanging = [hang]

    async def hang_once(segment: Segment) -> None:
        if hanging:
            await hanging.pop()(segment)

    harness.stages.before = hang_once
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 2, 0)
    assert not harness.store.list_multipart(f"styletts2-output/{clip_id}")


def test_attempt_seconds_exceeded_each_time_fail_the_clip(harness: WorkerHarness) -> None:
    harness.settings = harness.settings.model_copy(
        update={"attempt_seconds": 0.2, "max_attempts": 2}
    )
    harness.stages.before = hang
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert (clip.state, clip.error_code) == (ClipState.FAILED, "took_too_long")
    assert clip.error == "The attempt was not done within 0.2 s."
    assert harness.balance() == 10_000


def test_clip_seconds_span_all_attempts(harness: WorkerHarness) -> None:
    limits = {"attempt_seconds": 0.4, "clip_seconds": 0.6, "retry_backoff_seconds": 0.01}
    harness.settings = harness.settings.model_copy(update={**limits, "max_attempts": 50})
    harness.stages.before = hang
    clip_id = harness.submit()
    begun = time.monotonic()
    harness.run(harness.ended(clip_id))
    assert time.monotonic() - begun < 5
    clip = harness.clip(clip_id)
    assert clip.error_code == "took_too_long"
    assert "0.6 s of its first start" in (clip.error or "")
    assert clip.attempts <= 3


def test_stage_lost_counts_as_a_loss(harness: WorkerHarness) -> None:
    deaths = [StageLost("died"), StageLost("died")]

    async def die(_: Segment) -> None:
        if deaths:
            raise deaths.pop()

    harness.stages.before = die
    clip_id = harness.submit("One chunk.")
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 3, 2)


def test_stage_unavailable_costs_no_attempt(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_app.worker.worker.PAUSE_SECONDS", 0.05)
    away = [StageUnavailable("away")] * 8

    async def refuse(_: Segment) -> None:
        if away:
            raise away.pop()

    harness.stages.before = refuse
    clip_id = harness.submit("One chunk.")
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 1, 0)


def test_stop_drains_running_clips_and_claims_no_more(harness: WorkerHarness) -> None:
    harness.settings = harness.settings.model_copy(update={"worker_clips": 1, "drain_seconds": 5.0})

    async def slow(_: Segment) -> None:
        await asyncio.sleep(0.4)

    harness.stages.before = slow
    first, second = harness.submit("First."), harness.submit("Second.")
    harness.run(lambda: harness.clip(first).attempts == 1)
    assert harness.clip(first).state is ClipState.SUCCEEDED
    assert harness.clip(second).attempts == 0
    assert harness.tally.outcomes == ["succeeded"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_stop_returns_all_database_connections(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a clip ends while its lease is renewed."""
    renewing = Event()
    renew = queue.renew
    clip_id = harness.submit("One chunk.")

    def renew_late(*arguments: Any) -> None:
        renewing.set()
        until(harness.ended(clip_id), 10, "the clip is done")
        time.sleep(0.5)
        renew(*arguments)

    async def until_renewed(_: Segment) -> None:
        await asyncio.to_thread(renewing.wait, 10)

    monkeypatch.setattr(queue, "renew", renew_late)
    harness.settings = harness.settings.model_copy(update={"lease_seconds": 6.0})
    harness.stages.before = until_renewed
    harness.run(harness.ended(clip_id))
    assert harness.clip(clip_id).state is ClipState.SUCCEEDED
    assert "Current Checked out connections: 0" in harness.database.engine.pool.status()


def test_failure_while_stopping_costs_no_attempt(harness: WorkerHarness) -> None:
    """When everything is stopped, the stages may end before the worker."""

    async def vanish(_: Segment) -> None:
        await asyncio.sleep(0.3)
        raise RuntimeError("the deployment is gone")

    harness.stages.before = vanish
    clip_id = harness.submit()
    harness.run(lambda: harness.clip(clip_id).attempts == 1)
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts, clip.lease) == (ClipState.PENDING, 0, None)
    with harness.database.reading() as session:
        now = harness.database.now(session)
    assert clip.start_at <= now
    assert clip.ready


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("hours", [-1, 1])
def test_worker_ignores_jumps_of_the_process_clock(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """Leases, throttle, time limits and events go by the clock of the database. SQLite has none but
    that of its machine."""
    true = time.time

    async def jump(_: Segment) -> None:
        monkeypatch.setattr(time, "time", lambda: true() + 3_600 * hours)
        await asyncio.sleep(harness.settings.lease_seconds + 0.5)

    harness.settings = harness.settings.model_copy(update={"lease_seconds": 2.0})
    harness.stages.before = jump
    before = true()
    clip_ids = [harness.submit() for _ in range(3)]
    harness.run(lambda: all(harness.ended(each)() for each in clip_ids))
    harness.stages.before = None
    late = harness.submit()
    harness.run(harness.ended(late))
    for clip_id in (*clip_ids, late):
        clip = harness.clip(clip_id)
        assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 1, 0)
        times = [clip.created_at, clip.started_at or 0, clip.finished_at or 0]
        times += [each.at for each in events_of(harness.database, clip)]
        assert all(before - 1 < each < true() + 1 for each in times)
    assert harness.balance() == 10_000 - 4 * 50


def test_leases_expire_by_the_database_clock(harness: WorkerHarness) -> None:
    clip_id = harness.submit()
    rules = harness.settings
    with harness.database.transaction() as session:
        (lost,) = claiming.claim(session, rules, harness.database.now(session))
    assert lost.clip.id == clip_id
    harness.run(harness.ended(clip_id))
    kinds = [each.kind for each in events_of(harness.database, lost.clip)]
    assert kinds == [Kind.QUEUED, Kind.STARTED, Kind.STARTED, Kind.FINISHED]
    assert harness.clip(clip_id).losses == 1


def test_stop_gives_clips_back_before_a_silent_store_answers(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Serve kills a replica that takes longer than it was given, and the clips would be lost."""
    monkeypatch.setattr("serve_app.worker.worker._CLEAR_SECONDS", 0.5)
    harness.settings = harness.settings.model_copy(
        update={"drain_seconds": 0.1, "lease_seconds": 60.0}
    )
    answers = Event()

    def silent(_: MultipartWriter) -> None:
        answers.wait(30)

    monkeypatch.setattr(MultipartWriter, "abort", silent)
    harness.stages.before = hang
    clip_id = harness.submit()

    async def go() -> None:
        worker = harness.worker()
        running = asyncio.create_task(worker.run())
        await harness.until(lambda: harness.clip(clip_id).attempts == 1)
        async with asyncio.timeout(15):
            await worker.stop()
            await running
        assert not answers.is_set()
        answers.set()

    asyncio.run(go())
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts, clip.losses, clip.lease) == (ClipState.PENDING, 0, 0, None)
