from __future__ import annotations

import random
from contextlib import suppress

import pytest
from sqlalchemy.exc import IntegrityError

from serve_app.accounts import credits
from serve_app.db.engine import Database
from serve_app.db.models import Clip, LedgerEntry, User
from serve_app.errors import ApiError
from serve_app.jobs import queue
from serve_app.media import clips
from tests.serve_app.actions import (
    COST,
    NOW,
    UNTHROTTLED,
    account,
    claim,
    concurrently,
    delete,
    ledger_sum,
    make_user,
    must_claim,
    reload,
    speech,
    submit,
    succeed,
)


def test_pending_clip_holds_its_cost_and_success_charges_it(database: Database) -> None:
    user = make_user(database)
    submit(database, user)
    assert account(database, user) == (10_000, COST)
    assert succeed(database, must_claim(database))
    assert account(database, user) == (10_000 - COST, 0)


def test_require_available_states_the_figures(database: Database) -> None:
    user = make_user(database, amount=120)
    submit(database, user)
    submit(database, user)
    with pytest.raises(ApiError) as error:
        submit(database, user)
    assert (error.value.status, error.value.code) == (402, "not_enough_credits")
    for figure in ("costs 50", "20 are available", "120 in the account", "100 held"):
        assert figure in error.value.message
    assert account(database, user) == (120, 100)


def test_failed_and_cancelled_clips_free_their_hold(database: Database) -> None:
    user = make_user(database, amount=COST)
    delete(database, submit(database, user))
    claimed_clip = submit(database, user)
    claimed = must_claim(database)
    with database.transaction() as session:
        assert queue.fail(session, claimed_clip.id, claimed.token, "bad", "No.", NOW)
    submit(database, user)
    assert account(database, user) == (COST, COST)


def test_concurrent_submits_never_hold_more_than_the_balance(database: Database) -> None:
    user = make_user(database, amount=5 * COST)

    def attempt(_: int) -> str:
        try:
            return submit(database, user).id
        except ApiError as error:
            return error.code

    results = concurrently(12, attempt)
    assert results.count("not_enough_credits") == 7
    assert account(database, user) == (5 * COST, 5 * COST)


def test_capture_twice_violates_a_constraint(database: Database) -> None:
    user = make_user(database)
    clip = submit(database, user)
    with database.transaction() as session:
        credits.capture(session, clip, NOW)
    with pytest.raises(IntegrityError), database.transaction() as session:
        credits.capture(session, clip, NOW)
    assert account(database, user)[0] == ledger_sum(database, user) == 10_000 - COST


def test_grant_adds_credits_and_an_entry(database: Database) -> None:
    user = make_user(database)
    with database.transaction() as session:
        granted_to = session.get_one(User, user.id)
        credits.grant(session, granted_to, 500, NOW)
        assert granted_to.balance == 10_500
    for nothing in (0, -1):
        with database.transaction() as session, pytest.raises(ApiError) as error:
            credits.grant(session, user, nothing, NOW)
        assert error.value.field == "amount"
    assert account(database, user)[0] == ledger_sum(database, user) == 10_500


def test_ledger_pages_are_stable_under_new_entries(
    database: Database,
) -> None:
    user, other = make_user(database), make_user(database, "bob")
    for amount in range(1, 6):
        grant(database, user, amount)
        grant(database, other, 1_000)
    seen: list[LedgerEntry] = []
    cursor = None
    while True:
        with database.transaction() as session:
            page = credits.ledger(session, user.id, 2, cursor)
        seen += page.items
        if (cursor := page.next_cursor) is None:
            break
        grant(database, user, 99)
    assert [entry.amount for entry in seen] == [5, 4, 3, 2, 1, 10_000]
    assert [entry.balance for entry in seen] == [10_015, 10_010, 10_006, 10_003, 10_001, 10_000]
    with database.transaction() as session, pytest.raises(ApiError) as error:
        credits.ledger(session, user.id, 2, "none")
    assert error.value.field == "cursor"


def grant(database: Database, user: User, amount: int) -> None:
    with database.transaction() as session:
        credits.grant(session, user, amount, NOW)


def test_balance_is_the_sum_of_the_ledger_after_concurrent_changes(database: Database) -> None:
    users = [make_user(database, f"user{number}", 20 * COST) for number in range(3)]
    submitted: list[Clip] = []

    def storm(number: int) -> None:
        dice = random.Random(number)
        for _ in range(15):
            user = dice.choice(users)
            match dice.randrange(6):
                case 0 | 1:
                    with suppress(ApiError):  # when there are not enough credits
                        submitted.append(submit(database, user))
                case 2 | 3:
                    if (claimed := claim(database)) is not None:
                        succeed(database, claimed)
                        succeed(database, claimed)
                case 4:
                    if (claimed := claim(database)) is not None:
                        give_up(database, claimed)
                case 5 if submitted:
                    cancel(database, dice.choice(submitted))

    concurrently(8, storm)
    finished = [reload(database, clip) for clip in submitted]
    for user in users:
        made = [each for each in finished if each.user_id == user.id and each.s3_key]
        held = sum(c.credits for c in finished if c.user_id == user.id and c.state == "pending")
        balance = 20 * COST - COST * len(made)
        assert account(database, user) == (balance, held)
        assert ledger_sum(database, user) == balance
    assert any(each.s3_key for each in finished)


def give_up(database: Database, claimed: queue.Claim) -> None:
    with database.transaction() as session:
        queue.retry_or_fail(
            session, claimed.clip.id, claimed.token, "broken", "Broken.", UNTHROTTLED, NOW
        )


def cancel(database: Database, clip: Clip) -> None:
    """Only a pending one: the test checks all rows in the end."""
    with database.transaction() as session:
        if clips.get(session, clip.user_id, clip.id).state == "pending":
            clip = clips.delete(session, clip.user_id, clip.id, UNTHROTTLED, NOW)
            clip.deleted_at = None


def test_charge_is_the_price_at_submission(database: Database) -> None:
    user = make_user(database)
    submit(database, user, new=speech(cost=7))
    assert succeed(database, must_claim(database))
    assert account(database, user) == (9_993, 0)
