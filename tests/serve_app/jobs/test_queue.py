from __future__ import annotations

import pytest

from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState
from serve_app.jobs import admission, claiming, queue
from serve_app.jobs.queue import Claim
from serve_app.settings import QueueSettings, Settings
from tests.serve_app.actions import (
    NOW,
    RULES,
    UNTHROTTLED,
    account,
    claim,
    concurrently,
    delete,
    make_user,
    must_claim,
    reload,
    renew,
    speech,
    statements,
    submit,
    succeed,
)

LEASE = RULES.lease_seconds


def retry_or_fail(
    database: Database, claimed: Claim, now: float, rules: QueueSettings = RULES
) -> ClipState | None:
    with database.transaction() as session:
        return queue.retry_or_fail(
            session, claimed.clip.id, claimed.token, "generation_failed", "No luck.", rules, now
        )


def release(database: Database, claimed: Claim) -> None:
    with database.transaction() as session:
        queue.release(session, claimed.clip.id, claimed.token, NOW)


def owners(database: Database, now: float = NOW) -> list[str]:
    """The users of all clips that can be claimed, in the order of the claims."""
    found = []
    while (claimed := claim(database, now)) is not None:
        found.append(claimed.clip.user_id)
    return found


def test_queue_settings_are_part_of_settings() -> None:
    rules = Settings(lease_seconds=7, max_attempts=5)
    assert (rules.lease_seconds, rules.max_attempts, rules.throttle_starts) == (7, 5, 3)


def test_claim_leases_the_clip_and_starts_it(database: Database) -> None:
    clip = submit(database, make_user(database))
    claimed = must_claim(database, NOW + 1)
    assert (claimed.clip.id, claimed.clip.text) == (clip.id, "Hello.")
    assert claimed.until == NOW + 1 + LEASE
    row = reload(database, clip)
    assert (row.attempts, row.started_at, row.lease) == (1, NOW + 1, claimed.token)
    assert row.state is ClipState.PENDING
    assert claim(database, NOW + 2) is None


def test_claim_of_an_empty_queue_is_empty(database: Database) -> None:
    assert claim(database) is None


def test_claim_waits_for_start_at(database: Database) -> None:
    user = make_user(database)
    for _ in range(3):
        submit(database, user, rules=RULES)
        assert succeed(database, must_claim(database, rules=RULES))
    fourth = submit(database, user, rules=RULES)
    assert claim(database, NOW + 59, RULES) is None
    assert must_claim(database, NOW + 60, RULES).clip.id == fourth.id


def test_succeed_records_the_result_and_clears_the_lease(database: Database) -> None:
    clip = submit(database, make_user(database))
    assert succeed(database, must_claim(database), NOW + 3)
    row = reload(database, clip)
    assert row.state is ClipState.SUCCEEDED
    assert row.s3_key == f"styletts2-output/{clip.id}.wav"
    assert (row.bytes, row.audio_seconds, row.timings) == (1_000, 2.5, {"total_seconds": 1.0})
    assert (row.finished_at, row.lease, row.lease_until) == (NOW + 3, None, None)


def test_claim_alternates_between_users(database: Database) -> None:
    ada, bob, eve = (make_user(database, name) for name in ("ada", "bob", "eve"))
    for user, count in ((ada, 5), (bob, 2), (eve, 3)):
        for _ in range(count):
            submit(database, user)
    expected = [ada, bob, eve, ada, bob, eve, ada, eve, ada, ada]
    assert owners(database) == [user.id for user in expected]


def test_next_turn_gives_a_late_user_no_credit_for_the_past(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    for _ in range(8):
        submit(database, ada)
    for _ in range(4):
        assert must_claim(database).clip.user_id == ada.id
    for _ in range(3):
        submit(database, bob)
    assert owners(database) == [user.id for user in (ada, bob, ada, bob, ada, bob, ada)]


def test_next_turn_gives_a_served_user_no_debt(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    for _ in range(20):
        submit(database, ada)
        assert succeed(database, must_claim(database))
    for _ in range(4):
        submit(database, bob)
    submit(database, ada)
    assert owners(database) == [user.id for user in (bob, ada, bob, bob, bob)]


def test_claim_takes_an_expired_lease(database: Database) -> None:
    user = make_user(database)
    submit(database, user)
    lost = must_claim(database)
    assert claim(database, NOW + LEASE - 1) is None
    taken = must_claim(database, NOW + LEASE)
    assert (taken.clip.id, taken.clip.attempts) == (lost.clip.id, 2)
    assert taken.token != lost.token
    assert not renew(database, lost, NOW + LEASE)
    assert not succeed(database, lost, NOW + LEASE)
    assert retry_or_fail(database, lost, NOW + LEASE) is None
    release(database, lost)
    assert succeed(database, taken, NOW + LEASE)
    assert account(database, user) == (9_950, 0)


def test_renew_extends_the_lease(database: Database) -> None:
    submit(database, make_user(database))
    claimed = must_claim(database)
    assert renew(database, claimed, NOW + 20)
    assert claim(database, NOW + 49) is None
    assert must_claim(database, NOW + 50).clip.id == claimed.clip.id


def slow_claim(database: Database) -> Claim:
    """A claim whose lease expired at NOW + LEASE: its clip is ready, but not taken."""
    submit(database, make_user(database))
    slow = must_claim(database)
    submit(database, make_user(database, "bob"), new=speech("First."))
    with database.transaction() as session:
        session.get_one(Clip, slow.clip.id).turn += 1
    assert must_claim(database, NOW + LEASE).clip.text == "First."
    assert reload(database, slow.clip).ready
    return slow


def test_renew_revives_an_expired_lease_not_yet_taken(database: Database) -> None:
    slow = slow_claim(database)
    assert renew(database, slow, NOW + LEASE + 1)
    assert claim(database, NOW + LEASE + 2) is None
    assert succeed(database, slow, NOW + LEASE + 3)


def test_release_keeps_place_and_attempts(database: Database) -> None:
    ada = make_user(database)
    for _ in range(3):
        submit(database, ada, rules=RULES)
    first = must_claim(database, rules=RULES)
    release(database, first)
    again = must_claim(database, NOW + 1, RULES)
    assert (again.clip.id, again.clip.attempts) == (first.clip.id, 1)
    # It started once: the two others still fit into the window.
    assert must_claim(database, NOW + 1, RULES)
    assert must_claim(database, NOW + 1, RULES)


def test_retry_or_fail_doubles_the_backoff_and_then_fails(database: Database) -> None:
    user = make_user(database)
    clip = submit(database, user, rules=RULES)
    now = NOW
    for wait in (2, 4):
        claimed = must_claim(database, now, RULES)
        assert retry_or_fail(database, claimed, now) is ClipState.PENDING
        assert claim(database, now + wait - 0.1, RULES) is None
        now += wait
    claimed = must_claim(database, now, RULES)
    assert claimed.clip.started_at == NOW
    assert retry_or_fail(database, claimed, now) is ClipState.FAILED
    row = reload(database, clip)
    assert (row.error_code, row.error) == ("generation_failed", "No luck.")
    assert account(database, user) == (10_000, 0)
    assert claim(database, now + 1_000, RULES) is None


def test_retry_or_fail_backs_off_after_the_lease_expired(database: Database) -> None:
    slow = slow_claim(database)
    now = NOW + LEASE + 1
    assert retry_or_fail(database, slow, now) is ClipState.PENDING
    assert claim(database, now + 1) is None
    assert must_claim(database, now + 2).clip.id == slow.clip.id


def test_retries_are_not_counted_by_the_throttle(database: Database) -> None:
    user = make_user(database)
    for _ in range(3):
        submit(database, user, rules=RULES)
    failing = must_claim(database, rules=RULES)
    assert retry_or_fail(database, failing, NOW) is ClipState.PENDING
    others = [must_claim(database, NOW + 2, RULES) for _ in range(3)]
    assert failing.clip.id in {each.clip.id for each in others}


def test_fail_ends_the_clip_at_once(database: Database) -> None:
    user = make_user(database)
    clip = submit(database, user)
    claimed = must_claim(database)
    with database.transaction() as session:
        assert queue.fail(session, clip.id, claimed.token, "no_speech", "Nothing to say.", NOW)
    with database.transaction() as session:
        assert not queue.fail(session, clip.id, claimed.token, "again", "Again.", NOW)
    row = reload(database, clip)
    assert (row.state, row.error_code) == (ClipState.FAILED, "no_speech")
    assert account(database, user) == (10_000, 0)


def test_transition_refuses_a_finished_clip(database: Database) -> None:
    clip = submit(database, make_user(database))
    assert succeed(database, must_claim(database))
    made = reload(database, clip)
    for state in ClipState:
        with database.transaction() as session, pytest.raises(ValueError, match="succeeded"):
            queue.transition(session, made, state, NOW, s3_key="x", code="x", message="x")


def test_transition_refuses_a_return_to_pending(database: Database) -> None:
    clip = submit(database, make_user(database))
    with database.transaction() as session, pytest.raises(ValueError, match="pending"):
        queue.transition(session, session.get_one(Clip, clip.id), ClipState.PENDING, NOW)


def test_concurrent_succeed_charges_once(database: Database) -> None:
    user = make_user(database)
    for charged in range(1, 5):
        submit(database, user)
        lost = must_claim(database)
        taken = must_claim(database, NOW + LEASE)
        holders = [lost, taken, lost, taken]
        saved = concurrently(4, lambda number, h=holders: succeed(database, h[number]))
        assert saved.count(True) == 1
        assert not saved[0]
        assert not saved[2]
        assert account(database, user) == (10_000 - 50 * charged, 0)


def test_concurrent_claim_and_late_succeed_charge_once(database: Database) -> None:
    user = make_user(database)
    for charged in range(1, 5):
        submit(database, user)
        late = must_claim(database)

        def act(number: int, late: Claim = late) -> bool | Claim | None:
            return claim(database, NOW + LEASE) if number else succeed(database, late)

        saved, taken = concurrently(2, act)
        assert saved != isinstance(taken, Claim)
        if isinstance(taken, Claim):
            assert succeed(database, taken)
        assert account(database, user) == (10_000 - 50 * charged, 0)


def test_concurrent_claims_take_each_clip_once(database: Database) -> None:
    users = [make_user(database, f"user{number}") for number in range(5)]
    submitted = [submit(database, users[number % 5]).id for number in range(80)]
    taken: list[str] = []

    def claim_all(_: int) -> None:
        while len(taken) < len(submitted):
            if (claimed := claim(database)) is not None:
                taken.append(claimed.clip.id)

    concurrently(16, claim_all)
    assert sorted(taken) == sorted(submitted)
    with database.transaction() as session:
        assert all(session.get_one(Clip, clip_id).attempts == 1 for clip_id in taken)


def test_claim_of_many_takes_as_many_statements_as_of_one(database: Database) -> None:
    users = [make_user(database, f"user{number}") for number in range(9)]
    for user in users:
        submit(database, user)
    counts = []
    for most in (1, 8):
        with statements(database) as sent, database.transaction() as session:
            assert len(claiming.claim(session, UNTHROTTLED, NOW, most)) == most
        counts.append(len([text for text, _ in sent if not text.startswith(("BEGIN", "PRAGMA"))]))
    # PostgreSQL is told of what waits for the clips in one more.
    assert counts[0] == counts[1] <= 6


def test_concurrent_claims_keep_the_throttle(database: Database) -> None:
    user = make_user(database)
    for _ in range(12):
        submit(database, user)
    results = concurrently(12, lambda _: [claim(database, NOW, RULES) for _ in range(3)])
    started = [each for some in results for each in some if each is not None]
    while (claimed := claim(database, NOW, RULES)) is not None:
        started.append(claimed)
    assert len(started) == RULES.throttle_starts


def test_stats(database: Database) -> None:
    with database.transaction() as session:
        empty = admission.stats(session, NOW)
    assert (empty.depth, empty.oldest_age_seconds, empty.running) == ({}, 0, 0)
    ada, bob = make_user(database), make_user(database, "bob")
    once = RULES.model_copy(update={"throttle_starts": 1})
    submit(database, ada, rules=once)
    must_claim(database)
    submit(database, ada, rules=once)  # throttled: could not start yet
    submit(database, bob, NOW + 1, new=speech(service="seedvc"))
    submit(database, bob, NOW + 4, new=speech(service="seedvc"))
    delete(database, submit(database, bob, NOW + 4), NOW + 4)
    with database.transaction() as session:
        now = admission.stats(session, NOW + 5)
        later = admission.stats(session, NOW + LEASE + 60)
    assert (now.depth, now.oldest_age_seconds, now.running) == ({"styletts2": 0, "seedvc": 2}, 4, 1)
    assert (later.depth, later.running) == ({"styletts2": 2, "seedvc": 2}, 0)
