"""Attempts lost with their process, suspects, and time limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete as sql_delete

from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState
from serve_app.ids import new_id
from serve_app.jobs import claiming, queue
from serve_app.jobs.queue import Claim
from serve_app.settings import QueueSettings
from tests.serve_app.actions import (
    NOW,
    RULES,
    UNTHROTTLED,
    account,
    claim,
    events_of,
    make_user,
    must_claim,
    reload,
    submit,
    succeed,
)
from tests.serve_app.conftest import migrate

LEASE = RULES.lease_seconds


def claim_several(
    database: Database,
    now: float,
    most: int,
    suspects: bool = True,
    rules: QueueSettings = UNTHROTTLED,
) -> list[Claim]:
    with database.transaction() as session:
        return claiming.claim(session, rules, now, most, suspects)


def lose(database: Database, claimed: Claim, now: float) -> ClipState | None:
    with database.transaction() as session:
        return queue.record_lost_attempt(session, claimed.clip.id, claimed.token, UNTHROTTLED, now)


def retry(database: Database, claimed: Claim, now: float) -> ClipState | None:
    with database.transaction() as session:
        return queue.retry_or_fail(
            session, claimed.clip.id, claimed.token, "generation_failed", "No.", UNTHROTTLED, now
        )


def test_claim_fails_a_clip_that_lost_too_many_workers(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    poisoned = submit(database, ada)
    for number in range(RULES.max_losses):
        assert must_claim(database, NOW + number * LEASE).clip.id == poisoned.id
    now = NOW + RULES.max_losses * LEASE
    healthy = submit(database, bob, now)
    with database.transaction() as session:
        session.get_one(Clip, healthy.id).turn += 1
    assert must_claim(database, now).clip.id == healthy.id
    row = reload(database, poisoned)
    assert (row.state, row.error_code, row.losses) == (ClipState.FAILED, "worker_lost", 5)
    assert "lost 5 times" in (row.error or "")
    assert account(database, ada) == (10_000, 0)


def test_claim_takes_several_in_order_of_turns(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    for _ in range(3):
        submit(database, ada)
    submit(database, bob)
    taken = claim_several(database, NOW, 3)
    assert [each.clip.user_id for each in taken] == [ada.id, bob.id, ada.id]
    assert len({each.token for each in taken}) == 3
    assert len(claim_several(database, NOW, 3)) == 1


def test_claim_of_several_keeps_the_throttle(database: Database) -> None:
    user = make_user(database)
    for _ in range(6):
        submit(database, user)
    started = claim_several(database, NOW, 6, rules=RULES)
    assert len(started) == RULES.throttle_starts
    assert all(succeed(database, each) for each in started)
    assert claim_several(database, NOW + 59, 6, rules=RULES) == []
    assert len(claim_several(database, NOW + 60, 6, rules=RULES)) == RULES.throttle_starts


def test_claim_takes_one_suspect_at_a_time(database: Database) -> None:
    user = make_user(database)
    for _ in range(3):
        submit(database, user)
    assert len(claim_several(database, NOW, 3)) == 3
    fresh = submit(database, user, NOW + LEASE)
    (first, second) = claim_several(database, NOW + LEASE, 3)
    assert [first.suspect, second.suspect] == [True, False]
    assert second.clip.id == fresh.id
    assert claim_several(database, NOW + LEASE, 3, suspects=False) == []
    (third,) = claim_several(database, NOW + LEASE, 3)
    assert third.suspect


def test_losses_and_failures_are_counted_apart(database: Database) -> None:
    user = make_user(database)
    clip = submit(database, user)
    now = NOW
    for _ in range(2):
        must_claim(database, now)
        now += LEASE
    for _ in range(2):
        assert lose(database, must_claim(database, now), now) is ClipState.PENDING
        now += 100
    for _ in range(2):
        assert retry(database, must_claim(database, now), now) is ClipState.PENDING
        now += 100
    assert (reload(database, clip).attempts, reload(database, clip).losses) == (6, 4)
    assert retry(database, must_claim(database, now), now) is ClipState.FAILED
    assert reload(database, clip).error_code == "generation_failed"


def test_record_lost_attempt_backs_off_and_then_fails(
    database: Database,
) -> None:
    clip = submit(database, make_user(database))
    now = NOW
    for wait in (2, 4, 8, 16):
        assert lose(database, must_claim(database, now), now) is ClipState.PENDING
        assert claim(database, now + wait - 0.1) is None
        now += wait
    assert lose(database, must_claim(database, now), now) is ClipState.FAILED
    assert reload(database, clip).error_code == "worker_lost"
    kinds = [each.kind for each in events_of(database, clip)]
    assert kinds == ["queued", *["started", "retrying"] * 4, "started", "failed"]


def test_claim_fails_a_clip_past_clip_seconds(database: Database) -> None:
    user = make_user(database)
    clip = submit(database, user)
    rules = UNTHROTTLED.model_copy(update={"max_losses": 1_000, "clip_seconds": 100})
    claimed = must_claim(database, NOW, rules)
    assert claimed.seconds == 100
    assert must_claim(database, NOW + 60, rules).seconds == 40
    assert claim(database, NOW + 100, rules) is None
    row = reload(database, clip)
    assert (row.state, row.error_code) == (ClipState.FAILED, "took_too_long")
    assert row.error == "The clip was not done within 100 s of its first start."
    assert account(database, user) == (10_000, 0)


def test_clip_seconds_count_from_the_first_start(database: Database) -> None:
    submit(database, make_user(database))
    rules = UNTHROTTLED.model_copy(update={"clip_seconds": 100, "attempt_seconds": 30})
    assert must_claim(database, NOW + 10_000, rules).seconds == 30


def test_checkpoint_result_is_kept_until_success(database: Database) -> None:
    clip = submit(database, make_user(database))
    lost = must_claim(database)
    with database.transaction() as session:
        assert queue.checkpoint_result(session, clip.id, lost.token, 1_000, 2.5, {"segments": 1})
    taken = must_claim(database, NOW + LEASE)
    assert taken.is_retry
    row = taken.clip
    assert (row.made_by, row.bytes, row.audio_seconds) == (lost.token, 1_000, 2.5)
    with database.transaction() as session:
        assert not queue.checkpoint_result(session, clip.id, lost.token, 1, 1, {}), (
            "the lease was lost"
        )
    assert succeed(database, taken)
    assert reload(database, clip).made_by is None


@dataclass
class Workers:
    """Simulated workers over a real queue: a poisoned clip kills its worker with all its clips."""

    database: Database
    slots: int
    poisoned: set[str]
    rules: QueueSettings
    now: float = NOW
    lost: dict[str, int] = field(default_factory=dict)

    def run(self, workers: int) -> None:
        """Until nothing is pending. Each round every worker takes what it may at once; those that
        live finish all, and the leases of the others run out."""
        for _ in range(200):
            taken = [
                claim_several(self.database, self.now, self.slots, True, self.rules)
                for _ in range(workers)
            ]
            if not any(taken):
                return
            for claims in taken:
                held = {each.clip.id for each in claims}
                assert sum(each.suspect for each in claims) <= 1
                if held & self.poisoned:
                    for clip_id in held:
                        self.lost[clip_id] = self.lost.get(clip_id, 0) + 1
                else:
                    for each in claims:
                        assert succeed(self.database, each, self.now)
            self.now += self.rules.lease_seconds
        raise AssertionError("the queue does not come to an end")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    file: Path = tmp_path_factory.mktemp("simulated") / "bernie.sqlite3"
    url = f"sqlite:///{file}"
    migrate(url)
    database = Database(url)
    yield database
    database.dispose()


@given(
    clips=st.integers(1, 24),
    poisons=st.lists(st.integers(0, 23), max_size=3, unique=True),
    workers=st.integers(1, 3),
    slots=st.integers(1, 6),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_claim_fails_only_poisonous_clips(
    simulated: Database, clips: int, poisons: list[int], workers: int, slots: int
) -> None:
    with simulated.transaction() as session:
        session.execute(sql_delete(Clip))
    user = make_user(simulated, new_id())
    submitted = [submit(simulated, user).id for _ in range(clips)]
    poisoned = {submitted[number] for number in poisons if number < clips}
    crowd = Workers(
        simulated, slots, poisoned, UNTHROTTLED.model_copy(update={"clip_seconds": 1e9})
    )
    crowd.run(workers)
    with simulated.reading() as session:
        rows = {clip_id: session.get_one(Clip, clip_id) for clip_id in submitted}
    for clip_id, row in rows.items():
        expected = ClipState.FAILED if clip_id in poisoned else ClipState.SUCCEEDED
        assert row.state is expected
        assert row.losses == crowd.lost.get(clip_id, 0)
        if clip_id in poisoned:
            assert (row.losses, row.error_code) == (UNTHROTTLED.max_losses, "worker_lost")
        else:
            assert row.losses <= len(poisoned), "each poison takes another along once"
