"""Outages of the database: put off, as those of the store are, and nothing is computed twice."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from serve_app.db.engine import Database
from serve_app.db.models import ClipState
from serve_app.jobs import claiming, queue
from serve_app.settings import ServiceSettings, Settings
from serve_app.storage.store import ObjectStore
from tests.postgres import Postgres
from tests.serve_app.worker_harness import WorkerHarness


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.worker")
    caplog.set_level(logging.CRITICAL, "serve_app")


@pytest.mark.parametrize(("lease_seconds", "outage_seconds"), [(2.0, 5.0), (30.0, 2.0)])
def test_a_database_that_is_away_costs_no_computation(
    postgres: Postgres,
    postgres_to_empty: str,
    postgres_database: Database,
    api_settings: Settings,
    api_store: ObjectStore,
    lease_seconds: float,
    outage_seconds: float,
) -> None:
    """Clips are computed, and done, while it is away for longer than a short lease lasts. Two
    workers then find it again: none takes the clips of the other."""
    settings = api_settings.model_copy(
        update={
            "speech": ServiceSettings(pipeline="noop"),
            "lease_seconds": lease_seconds,
            "throttle_starts": 100,
            "worker_clips": 3,
        }
    )
    harness = WorkerHarness(settings, postgres_database, api_store)
    harness.stages.holds = ""
    made = harness.stages.rendered
    clip_ids = [harness.submit("One chunk.") for _ in range(6)]

    async def go() -> None:
        other = Database(postgres.url(postgres_to_empty))
        twin = WorkerHarness(settings, other, api_store, harness.user)
        twin.stages = harness.stages
        async with AsyncExitStack() as stack, asyncio.timeout(90):
            await stack.enter_async_context(harness.working())
            await stack.enter_async_context(twin.working())
            await harness.until(lambda: len(made) == 6)
            away = postgres.away()
            await asyncio.to_thread(away.__enter__)
            harness.stages.gate.set()
            await asyncio.sleep(outage_seconds)
            await asyncio.to_thread(away.__exit__, None, None, None)
            await harness.until(lambda: all(ended(harness, each) for each in clip_ids))
        other.dispose()

    asyncio.run(go())
    for clip_id in clip_ids:
        clip = harness.clip(clip_id)
        assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 1, 0)
    assert len(made) == 6, "nothing is computed twice"
    assert harness.balance() == 10_000 - 6 * 50


def ended(harness: WorkerHarness, clip_id: str) -> bool:
    """As far as the database can be asked: its first connections may find it starting."""
    try:
        return harness.ended(clip_id)()
    except OperationalError:
        return False


@pytest.mark.parametrize("write", ["checkpoint_result", "succeed"])
@pytest.mark.parametrize("takes_effect", [False, True])
def test_an_answer_that_is_lost_costs_nothing(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch, write: str, takes_effect: bool
) -> None:
    """The connection breaks before the last writes of a try have taken effect, or after that."""
    harness.settings = harness.settings.model_copy(
        update={"max_attempts": 1, "lease_seconds": 10.0}
    )
    real, lost = getattr(queue, write), []

    def broken(*arguments: Any) -> Any:
        result = real(*arguments)
        if not lost:
            lost.append(1)
            if takes_effect:
                arguments[0].commit()
            raise OperationalError("", {}, Exception("server closed the connection"))
        return result

    monkeypatch.setattr(queue, write, broken)
    clip_id = harness.submit()
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert lost
    assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 1, 0)
    assert len(harness.stages.rendered) == 2
    assert harness.balance() == 9_950
    assert harness.tally.outcomes == ["succeeded"]


def test_a_claim_whose_answer_is_lost_leases_nothing_to_nobody(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clips are taken again at once, and neither an attempt nor a loss counts."""
    harness.settings = harness.settings.model_copy(update={"lease_seconds": 60.0})
    real, lost = claiming.claim, []

    def broken(*arguments: Any) -> Any:
        claims = real(*arguments)
        if claims and not lost:
            lost.extend(claims)
            arguments[0].commit()
            raise OperationalError("", {}, Exception("server closed the connection"))
        return claims

    monkeypatch.setattr(claiming, "claim", broken)
    clip_ids = [harness.submit("One chunk.") for _ in range(3)]
    harness.run(lambda: all(harness.ended(each)() for each in clip_ids))
    assert lost
    for clip_id in clip_ids:
        clip = harness.clip(clip_id)
        assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 1, 0)


def test_a_try_that_the_database_breaks_off_is_put_off_and_costs_no_try(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_app.worker.worker.PAUSE_SECONDS", 0.05)
    harness.settings = harness.settings.model_copy(update={"max_attempts": 1})
    failures = [OperationalError("", {}, Exception("the server is starting up"))]

    async def fail_once(_: object) -> None:
        if failures:
            raise failures.pop()

    harness.stages.before = fail_once
    clip_id = harness.submit("One chunk.")
    harness.run(harness.ended(clip_id))
    clip = harness.clip(clip_id)
    assert (clip.state, clip.attempts, clip.losses) == (ClipState.SUCCEEDED, 1, 0)
    assert harness.tally.outcomes == ["postponed", "succeeded"]
