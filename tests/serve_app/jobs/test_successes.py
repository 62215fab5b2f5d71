"""Successes of many clips in one transaction, over both databases."""

from __future__ import annotations

from serve_app.db.engine import Database
from serve_app.db.models import ClipState
from serve_app.jobs import queue
from serve_app.jobs.events import Kind
from serve_app.jobs.queue import Claim
from serve_app.jobs.successes import Success, succeed_all
from tests.serve_app.actions import (
    COST,
    NOW,
    account,
    events_of,
    ledger_sum,
    make_user,
    must_claim,
    reload,
    submit,
)


def success(claimed: Claim, token: str | None = None) -> Success:
    key = f"styletts2-output/{claimed.clip.id}.wav"
    return Success(claimed.clip.id, token or claimed.token, key, 1_000, 2.5, {"total_seconds": 1.0})


def record(
    database: Database, user_id: str, results: list[Success], again: bool = False
) -> set[str]:
    with database.transaction() as session:
        return succeed_all(session, user_id, results, NOW, again)


def test_each_held_clip_is_charged_once(database: Database) -> None:
    user = make_user(database)
    for _ in range(4):
        submit(database, user)
    claims = [must_claim(database) for _ in range(4)]
    with database.transaction() as session:
        first = claims[0]
        queue.report(session, first.clip.id, first.token, Kind.PROGRESS, {"segment": 1}, NOW)
    results = [*(success(each) for each in claims[:3]), success(claims[3], "lost")]
    held = {each.clip.id for each in claims[:3]}
    assert record(database, user.id, results) == held
    assert account(database, user) == (10_000 - 3 * COST, COST)
    assert ledger_sum(database, user) == 10_000 - 3 * COST
    assert [reload(database, each.clip).state for each in claims] == [
        ClipState.SUCCEEDED,
        ClipState.SUCCEEDED,
        ClipState.SUCCEEDED,
        ClipState.PENDING,
    ]
    kinds = [event.kind for event in events_of(database, claims[0].clip)]
    assert kinds[-2:] == [Kind.STARTED, Kind.FINISHED], "progress is gone"
    assert record(database, user.id, results) == set()
    assert record(database, user.id, results, again=True) == held
    assert account(database, user) == (10_000 - 3 * COST, COST)


def test_clips_of_another_user_are_left_alone(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    submit(database, ada)
    claimed = must_claim(database)
    assert record(database, bob.id, [success(claimed)]) == set()
    assert reload(database, claimed.clip).state is ClipState.PENDING
