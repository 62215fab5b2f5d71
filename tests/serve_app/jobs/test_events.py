"""The events of a clip follow its life, on both databases."""

from __future__ import annotations

from serve_app.db.engine import Database
from serve_app.db.models import Clip
from serve_app.jobs import admission, events, queue
from serve_app.jobs.events import Kind
from serve_app.jobs.queue import Claim
from serve_app.media import clips
from tests.serve_app.actions import (
    NOW,
    RULES,
    UNTHROTTLED,
    concurrently,
    delete,
    events_of,
    make_user,
    must_claim,
    submit,
    succeed,
)

STEP = {"segment": 1, "segments": 2, "step": 3, "steps": 10}


def report(
    database: Database, claimed: Claim, kind: Kind = Kind.PROGRESS, now: float = NOW
) -> bool:
    with database.transaction() as session:
        return queue.report(session, claimed.clip.id, claimed.token, kind, STEP, now)


def kinds(database: Database, clip: Clip) -> list[str]:
    return [event.kind for event in events_of(database, clip)]


def test_events_of_a_clip_that_succeeds(database: Database) -> None:
    user = make_user(database)
    first, clip = submit(database, user), submit(database, user, NOW + 1)
    assert must_claim(database).clip.id == first.id
    claimed = must_claim(database, NOW + 2)
    assert report(database, claimed, now=NOW + 3)
    told = [(each.seq, each.at, each.kind, each.data) for each in events_of(database, clip)]
    assert told == [
        (1, NOW + 1, "queued", {"position": 1, "start_at": NOW + 1}),
        (2, NOW + 2, "started", {"attempt": 1}),
        (3, NOW + 3, "progress", STEP),
    ]
    assert claimed.started == 2
    assert succeed(database, claimed, NOW + 4)
    (last,) = events_of(database, clip, after=3)
    assert (last.seq, last.kind, last.data) == (4, "finished", {"seconds": 2.5, "bytes": 1_000})
    assert not report(database, claimed), "the end is the last"
    assert kinds(database, clip) == ["queued", "started", "finished"], "progress has passed"


def test_events_of_a_clip_whose_attempts_fail(database: Database) -> None:
    clip = submit(database, make_user(database))
    rules = UNTHROTTLED.model_copy(update={"max_attempts": 2})
    for now in (NOW, NOW + 10):
        claimed = must_claim(database, now, rules)
        with database.transaction() as session:
            queue.retry_or_fail(session, clip.id, claimed.token, "model_failed", "No.", rules, now)
    told = [(each.kind, each.data) for each in events_of(database, clip)]
    assert told[1:] == [
        ("started", {"attempt": 1}),
        ("retrying", {"attempt": 1, "code": "model_failed", "start_at": NOW + 2}),
        ("started", {"attempt": 2}),
        ("failed", {"code": "model_failed", "message": "No."}),
    ]


def test_claim_started_numbers_attempts_that_do_not_count(database: Database) -> None:
    clip = submit(database, make_user(database))
    started = []
    for until in (None, NOW + 9):
        claimed = must_claim(database, NOW + 1)
        started.append((claimed.clip.attempts, claimed.started))
        with database.transaction() as session:
            queue.release(session, clip.id, claimed.token, NOW + 1, until)
    assert started == [(1, 2), (1, 4)]
    told = [(each.seq, each.kind, each.data) for each in events_of(database, clip, after=1)]
    assert told == [(5, "postponed", {"start_at": NOW + 9})], "however often, there is one"


def test_events_of_a_cancelled_clip_go_with_its_row(database: Database) -> None:
    clip = submit(database, make_user(database))
    claimed = must_claim(database)
    delete(database, clip)
    assert not report(database, claimed)
    assert kinds(database, clip) == ["queued", "started", "cancelled"]
    delete(database, clip)
    with database.transaction() as session:
        clips.purge(session, clip.id)
    assert kinds(database, clip) == []


def test_concurrent_reports_and_end_keep_their_order(database: Database) -> None:
    user = make_user(database)
    for _ in range(3):
        clip = submit(database, user)
        claimed = must_claim(database)

        def act(number: int, claimed: Claim = claimed) -> bool:
            return succeed(database, claimed) if number == 3 else report(database, claimed)

        told = concurrently(6, act)
        end = events_of(database, clip)[-1]
        assert end.kind == "finished"
        assert end.seq == 3 + told.count(True) - 1


def test_queued_event_has_the_position(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    mine = [submit(database, ada) for _ in range(3)]
    other = submit(database, bob)
    later = submit(database, bob, NOW, RULES)

    def places() -> list[int]:
        with database.reading() as session:
            return [admission.position(session, each) for each in (*mine, other, later)]

    assert places() == [0, 2, 4, 1, 3], "users take turns"
    must_claim(database)
    delete(database, other)
    assert places()[1:3] == [0, 2]


def test_since_reads_only_later_events(database: Database) -> None:
    clip = submit(database, make_user(database))
    claimed = must_claim(database)
    report(database, claimed)
    report(database, claimed, Kind.AUDIO)
    with database.reading() as session:
        assert [each.seq for each in events.since(session, clip.id, 2)] == [3, 4]
        assert [each.seq for each in events.since(session, clip.id, 3)] == [4]


def test_record_keeps_one_progress_and_one_audio_event(database: Database) -> None:
    clip = submit(database, make_user(database))
    claimed = must_claim(database)
    for _ in range(20):
        report(database, claimed)
        report(database, claimed, Kind.AUDIO)
    told = [(each.seq, each.kind) for each in events_of(database, clip)]
    assert told == [(1, "queued"), (2, "started"), (41, "progress"), (42, "audio")]


def test_active_leases_are_those_held(database: Database) -> None:
    user = make_user(database)
    held, done, cancelled, lost = (must_claim(database) for _ in range(4) if submit(database, user))
    succeed(database, done)
    delete(database, cancelled.clip)
    with database.transaction() as session:
        session.get_one(Clip, lost.clip.id).lease = "another"
    with database.reading() as session:
        wanted = queue.active_leases(session, [held, done, cancelled, lost])
    assert wanted == {held.token}
