"""Leases while something else is held up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text

from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState, User
from serve_app.jobs import claiming, queue
from serve_app.jobs.queue import Claim
from serve_app.settings import ServiceSettings, Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.actions import make_user
from tests.serve_app.worker_harness import WorkerHarness

CLIPS = 4


@contextmanager
def held(database: Database, user: User) -> Iterator[None]:
    """Somebody holds the row of the user: a person at a prompt, a worker that is cut off."""
    with database.engine.connect() as connection, connection.begin():
        connection.execute(text("SELECT 1 FROM users WHERE id = :id FOR UPDATE"), {"id": user.id})
        yield


def test_a_held_row_of_one_user_keeps_no_other_from_anything(
    api_settings: Settings,
    postgres_database: Database,
    api_store: ObjectStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Four clips of one user cannot be charged for longer than a lease lasts. The clip of another
    keeps its lease, a third user's is claimed and done, and in the end nothing was made twice."""
    caplog.set_level(logging.CRITICAL, "bernie.worker")
    settings = api_settings.model_copy(
        update={
            "speech": ServiceSettings(pipeline="noop"),
            "lease_seconds": 3.0,
            "throttle_starts": 100,
        }
    )
    harness = WorkerHarness(settings, postgres_database, api_store)
    slow = WorkerHarness(
        settings, postgres_database, api_store, make_user(postgres_database, "eve")
    )
    third = WorkerHarness(
        settings, postgres_database, api_store, make_user(postgres_database, "bob")
    )
    harness.stages.holds = slow.user.id
    made = harness.stages.rendered
    mine = [harness.submit("One chunk.") for _ in range(CLIPS)]
    theirs = slow.submit("One chunk.")

    async def go() -> None:
        async with harness.working(), asyncio.timeout(60):
            await harness.until(lambda: len(made) == CLIPS + 1)
            with held(postgres_database, harness.user):
                harness.stages.gate.set()
                later = third.submit("One chunk.")
                await harness.until(third.ended(later))
                await asyncio.sleep(3 * settings.lease_seconds)
                left, losses = slow.lease(theirs)
                assert left > 0
                assert losses == 0
                harness.stages.holds = ""
                await harness.until(slow.ended(theirs))
            await harness.until(lambda: all(harness.ended(each)() for each in mine))

    asyncio.run(go())
    for owner, clip_id in [(slow, theirs), *((harness, each) for each in mine)]:
        clip = owner.clip(clip_id)
        assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 1, 0)
    assert len(made) == len(set(made)) == CLIPS + 2, "nothing is computed twice"
    assert harness.balance() == 10_000 - CLIPS * 50


def test_pause_of_the_whole_machine_takes_no_clip_from_another_worker(
    api_settings: Settings, sqlite_database: Database, api_store: ObjectStore
) -> None:
    """A worker that has nothing to do wakes up beside another whose lease ran out in the pause. It
    lets that one renew first, and takes the clip when it does not do so any more."""
    settings = api_settings.model_copy(
        update={
            "speech": ServiceSettings(pipeline="noop"),
            "lease_seconds": 4.0,
            "throttle_starts": 100,
        }
    )
    harness = WorkerHarness(settings, sqlite_database, api_store)
    theirs = harness.submit("One chunk.")
    with sqlite_database.transaction() as session:
        (claim,) = claiming.claim(session, settings, sqlite_database.now(session), 1)

    def renewed() -> bool:
        with sqlite_database.transaction() as session:
            queue.renew(session, [claim], sqlite_database.now(session), settings.lease_seconds)
            return claim.token in queue.active_leases(session, [claim])

    async def go() -> None:
        async with harness.working(), asyncio.timeout(60):
            mine = harness.submit("One chunk.")
            await harness.until(harness.ended(mine))
            for _ in range(2):
                assert await asyncio.to_thread(renewed)
                time.sleep(settings.lease_seconds + 0.2)  # on the loop: all stands still
                await asyncio.sleep(0.5)
            assert await asyncio.to_thread(renewed), "it was taken"
            await harness.until(harness.ended(theirs))

    asyncio.run(go())
    clip = harness.clip(theirs)
    assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 2, 1)


@contextmanager
def clips_held(database: Database, ids: list[str]) -> Iterator[None]:
    with database.engine.connect() as connection, connection.begin():
        connection.execute(select(Clip.id).where(Clip.id.in_(ids)).with_for_update())
        yield


def test_clips_whose_rows_are_held_are_not_taken_when_they_are_free(
    api_settings: Settings, postgres_database: Database, api_store: ObjectStore
) -> None:
    """Their leases run out meanwhile, and another worker looks for clips all the time. The worker
    waits in line for them; the other may still find one in the moment at which they are freed."""
    settings = api_settings.model_copy(
        update={
            "speech": ServiceSettings(pipeline="noop"),
            "lease_seconds": 3.0,
            "throttle_starts": 100,
        }
    )
    harness = WorkerHarness(settings, postgres_database, api_store)
    harness.stages.holds = ""  # All wait for the gate.
    made = harness.stages.rendered
    mine = [harness.submit("One chunk.") for _ in range(CLIPS)]
    taken: list[Claim] = []

    def take() -> None:
        with postgres_database.transaction() as session:
            now = postgres_database.now(session)
            taken.extend(claiming.claim(session, settings, now, CLIPS))

    async def rival() -> None:
        while True:
            await asyncio.to_thread(take)

    async def go() -> None:
        async with harness.working(), asyncio.timeout(60):
            await harness.until(lambda: len(made) == CLIPS)
            with clips_held(postgres_database, mine):
                await harness.until(lambda: all(harness.lease(each)[0] < -1 for each in mine))
                other = asyncio.create_task(rival())
                await asyncio.sleep(1)
            await harness.until(lambda: all(harness.lease(each)[0] > 0 for each in mine))
            other.cancel()
            harness.stages.gate.set()
            await harness.until(lambda: all(harness.ended(each)() for each in mine))

    asyncio.run(go())
    assert len(taken) <= 1
    found = list(map(harness.clip, mine))
    assert {clip.state for clip in found} == {ClipState.SUCCEEDED}
    at_once = [clip for clip in found if (clip.attempts, clip.losses) == (1, 0)]
    assert len(at_once) >= CLIPS - len(taken)
    assert len(made) <= CLIPS + len(taken), "nothing is computed twice"
