from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete as sql_delete

from serve_app.db.engine import Database
from serve_app.db.models import Clip, User
from serve_app.jobs import claiming
from serve_app.jobs.throttle import may_start, next_start, next_starts, with_start
from tests.serve_app.actions import (
    NOW,
    RULES,
    claim,
    concurrently,
    delete,
    make_user,
    must_claim,
    reload,
    statements,
    submit,
    succeed,
)

WINDOW = RULES.throttle_window_seconds


def most_in_a_window(starts: list[float], window: float) -> int:
    """The largest number of starts in any half-open window."""
    return max((sum(s <= t < s + window for t in starts) for s in starts), default=0)


times = st.integers(0, 300).map(float)


@given(st.lists(times, max_size=30), st.integers(1, 4), st.sampled_from([0.0, 7.0, 60.0]))
def test_next_start_keeps_every_window(moments: list[float], limit: int, window: float) -> None:
    starts: list[float] = []
    for now in moments:
        starts.append(next_start(starts, now, limit, window))
    assert window == 0 or most_in_a_window(starts, window) <= limit


@settings(max_examples=50)
@given(st.lists(times, max_size=8), times, st.integers(1, 4))
def test_next_start_is_the_earliest_possible(moments: list[float], now: float, limit: int) -> None:
    starts: list[float] = []
    for moment in moments:
        starts.append(next_start(starts, moment, limit, WINDOW))
    found = next_start(starts, now, limit, WINDOW)
    assert found >= now
    for earlier in range(int(now), int(found)):
        assert most_in_a_window([*starts, float(earlier)], WINDOW) > limit


@given(
    st.lists(times, max_size=20),
    times,
    st.integers(1, 4),
    st.sampled_from([0.0, 7.0, 60.0]),
    st.integers(1, 20),
)
def test_next_starts_are_those_found_one_by_one(
    before: list[float], now: float, limit: int, window: float, count: int
) -> None:
    together = list(islice(next_starts(before, now, limit, window), count))
    one_by_one, starts = [], list(before)
    for _ in range(count):
        one_by_one.append(next_start(starts, now, limit, window))
        starts.append(one_by_one[-1])
    assert together == one_by_one


class Comparisons(float):
    """A time that counts how often it is compared."""

    made = 0

    def __lt__(self, other: float) -> bool:
        Comparisons.made += 1
        return super().__lt__(other)

    def __sub__(self, other: float) -> Comparisons:
        Comparisons.made += 1
        return Comparisons(super().__sub__(other))


def test_next_starts_cost_one_pass() -> None:
    """Beside as many starts as there may be planned ones, a thousand more cost little more each."""
    costs = []
    for size in (200, 1_000):
        planned = [Comparisons(20 * number) for number in range(size)]
        Comparisons.made = 0
        found = list(islice(next_starts(planned, 0, 3, WINDOW), size))
        assert len(found) == size
        costs.append(Comparisons.made / size)
    assert costs[1] < 2 * costs[0]


def test_next_start_waits_for_the_first_to_leave_the_window() -> None:
    assert next_start([0, 10, 20], now=25, limit=3, window=60) == 60
    assert next_start([0, 10, 20], now=60, limit=3, window=60) == 60
    assert next_start([0, 10, 20, 60], now=25, limit=3, window=60) == 70


def test_next_start_ignores_starts_far_ahead() -> None:
    assert next_start([5_000, 5_001, 5_002], now=1_000, limit=3, window=60) == 1_000


def test_with_start_counts_while_the_clock_is_set_back() -> None:
    starts = [5_000.0, 5_001.0, 5_002.0]
    for now in (1_000.0, 1_000.0, 1_030.0):
        assert may_start(starts, RULES, now)
        starts = with_start(starts, RULES, now)
    assert not may_start(starts, RULES, 1_059)
    assert may_start(starts, RULES, 1_060)


def test_plan_gives_concurrent_submissions_three_starts_a_minute(database: Database) -> None:
    user = make_user(database)
    planned = [submit(database, user, rules=RULES).start_at - NOW for _ in range(7)]
    assert planned == [0, 0, 0, 60, 60, 60, 120]


def test_plan_counts_the_starts_of_each_user_alone(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    for user in (ada, bob):
        assert [submit(database, user, rules=RULES).start_at for _ in range(3)] == [NOW] * 3


def test_replan_frees_the_start_of_a_cancelled_clip(database: Database) -> None:
    user = make_user(database)
    first = submit(database, user, rules=RULES)
    for _ in range(2):
        submit(database, user, rules=RULES)
    delete(database, first)
    assert submit(database, user, rules=RULES).start_at == NOW


def test_replan_moves_later_clips_up_in_order(database: Database) -> None:
    user = make_user(database)
    submitted = [submit(database, user, rules=RULES) for _ in range(8)]
    delete(database, submitted[1], rules=RULES)
    delete(database, submitted[4], NOW + 5, RULES)

    def starts() -> list[float]:
        return [reload(database, clip).start_at - NOW for clip in submitted]

    assert starts() == [0, 0, 0, 0, 60, 60, 60, 60]
    claimed = must_claim(database, NOW + 5, RULES)
    delete(database, claimed.clip, NOW + 5, RULES)
    assert starts() == [0, 0, 0, 0, 60, 60, 60, 60], "a start that was made is not given back"


def test_replan_does_not_deadlock_under_concurrent_cancels(database: Database) -> None:
    user = make_user(database)
    submitted = [submit(database, user, rules=RULES) for _ in range(12)]
    concurrently(8, lambda number: delete(database, submitted[number + 3], NOW, RULES))
    assert [reload(database, clip).start_at - NOW for clip in submitted[:3]] == [0, 0, 0]
    assert reload(database, submitted[-1]).start_at == NOW + WINDOW


def test_deleting_a_finished_clip_frees_no_start(database: Database) -> None:
    user = make_user(database)
    for _ in range(3):
        clip = submit(database, user, rules=RULES)
        assert succeed(database, must_claim(database, rules=RULES))
        delete(database, clip)
    with database.transaction() as session:
        session.execute(sql_delete(Clip))
    assert submit(database, user, rules=RULES).start_at == NOW + WINDOW


def test_claim_keeps_the_throttle_after_a_standstill(database: Database) -> None:
    user = make_user(database)
    submitted = [submit(database, user, NOW + 60 * n, RULES) for n in range(5)]
    late = NOW + 600
    started = [must_claim(database, late, RULES) for _ in range(3)]
    assert [each.clip.id for each in started] == [clip.id for clip in submitted[:3]]
    assert claim(database, late, RULES) is None
    assert [reload(database, clip).start_at for clip in submitted[3:]] == [late + WINDOW] * 2
    assert all(succeed(database, each, late) for each in started)
    assert claim(database, late + 59, RULES) is None
    assert must_claim(database, late + WINDOW, RULES).clip.id == submitted[3].id


def test_claim_skips_throttled_users(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    for _ in range(4):
        submit(database, ada)
    of_bob = submit(database, bob)
    once = RULES.model_copy(update={"throttle_starts": 1})
    assert must_claim(database, rules=once).clip.user_id == ada.id
    assert must_claim(database, rules=once).clip.id == of_bob.id
    assert claim(database, rules=once) is None


def test_claim_reschedules_all_clips_of_a_throttled_user(database: Database) -> None:
    counts = []
    for name, pile in (("ada", 10), ("bob", 40)):
        user = make_user(database, name)
        submitted = [submit(database, user) for _ in range(pile)]
        with statements(database) as sent, database.transaction() as session:
            claims = claiming.claim(session, RULES, NOW, 8)
        counts.append(len(sent))
        assert [each.clip.id for each in claims] == [clip.id for clip in submitted[:3]]
        planned = [reload(database, clip).start_at for clip in submitted]
        assert planned == [NOW + number // 3 * WINDOW for number in range(pile)]
    assert counts[0] == counts[1]


def test_claim_sends_back_a_bounded_number_and_takes_what_stands_behind(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a standstill: many users have more in line than they may start. One claim moves the
    clips of few of them, and passes over those of the others."""
    monkeypatch.setattr(claiming, "_MOVED_AT_ONCE", 5)
    once = RULES.model_copy(update={"throttle_starts": 1})
    users = [make_user(database, f"user{number}") for number in range(4)]
    piles = [[submit(database, user) for _ in range(6)] for user in users]
    late = make_user(database, "late")
    last = submit(database, late)
    with database.transaction() as session:
        claims = claiming.claim(session, once, NOW, 8)
    assert {each.clip.user_id for each in claims} == {*(user.id for user in users), late.id}
    assert last.id in {each.clip.id for each in claims}

    def moved() -> list[int]:
        return [sum(reload(database, clip).start_at > NOW for clip in pile[1:]) for pile in piles]

    assert sorted(moved()) == [0, 0, 0, 5]
    for rest in (2, 1, 0):
        assert claim(database, rules=once) is None
        assert moved().count(0) == rest


waits = st.lists(st.sampled_from([0.0, 0.5, 7.0, 20.0, 61.0]), min_size=1, max_size=30)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12), waits)
def test_claim_keeps_every_window_by_actual_starts(
    database: Database, rounds: list[tuple[int, int]], waits: list[float]
) -> None:
    """For any interleaving of submissions, claims, successes and deletions."""
    with database.transaction() as session:
        session.execute(sql_delete(User))
    user, now = make_user(database), NOW
    starts: list[float] = []
    for number, (submissions, claims) in enumerate(rounds):
        now += waits[number % len(waits)]
        for _ in range(submissions):
            submit(database, user, now, RULES)
        for _ in range(claims):
            claimed = claim(database, now, RULES)
            if claimed is None:
                break
            starts.append(now)
            assert succeed(database, claimed, now)
    assert most_in_a_window(starts, WINDOW) <= RULES.throttle_starts


@pytest.mark.parametrize(
    ("starts", "planned"), [(0, [0, 0, 0, 0, 0]), (1, [0, 60, 120, 180, 240]), (4, [0] * 4 + [60])]
)
def test_an_account_may_have_a_throttle_of_its_own(
    database: Database, starts: int, planned: list[int]
) -> None:
    user = make_user(database)
    with database.transaction() as session:
        session.get_one(User, user.id).throttle_starts = starts
    submitted = [submit(database, user, rules=RULES) for _ in planned]
    assert [clip.start_at - NOW for clip in submitted] == planned
    at_once = planned.count(0)
    assert [must_claim(database, rules=RULES).clip.id for _ in range(at_once)] == [
        clip.id for clip in submitted[:at_once]
    ]
    assert claim(database, rules=RULES) is None
