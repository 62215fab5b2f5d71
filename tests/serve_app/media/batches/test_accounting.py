"""Batches over both databases: what is held, counted and claimed while their lines become clips."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from serve_app.accounts import credits
from serve_app.db.engine import Database
from serve_app.db.models import BULK, Batch, BatchState, Clip, LedgerEntry, User
from serve_app.errors import ApiError
from serve_app.jobs import claiming, queue
from serve_app.jobs.queue import Claim
from serve_app.maintenance.doctor import batches as doctor
from serve_app.maintenance.doctor.check_context import CheckContext
from serve_app.media import clips
from serve_app.media.batches import cancelling, feeding, leases, outcomes, records, results
from serve_app.media.batches.lines import Line, Rejection
from serve_app.media.batches.records import NewBatch
from serve_app.settings import Settings
from tests.serve_app.actions import (
    COST,
    NOW,
    RULES,
    account,
    claim,
    concurrently,
    make_user,
    speech,
    submit,
    succeed,
)

SETTINGS = Settings()


def new_batch(lines: int, name: str = "june", manifest: str = "m" * 64) -> NewBatch:
    return NewBatch(name, "lines.jsonl", manifest, "s3://bernie/out/", {}, lines, COST)


def accept(database: Database, user: User, lines: int, **changes: str) -> Batch:
    with database.transaction() as session:
        return records.accept(session, user.id, new_batch(lines, **changes), SETTINGS, NOW)[0]


def take(database: Database, batch: Batch, now: float = NOW) -> str | None:
    with database.transaction() as session:
        return leases.take(session, batch.id, 30, now)


def feed(database: Database, batch: Batch, token: str, *numbers: int, bad: int = 0) -> int:
    """Line number `bad` fails before it becomes a clip."""
    refused = Rejection("nothing_to_say", "There is nothing to say.", "text")
    lines = [
        Line(number, f"line-{number}", refused if number == bad else speech(f"Line {number}."))
        for number in numbers
    ]
    with database.transaction() as session:
        return feeding.add_lines(session, batch, token, lines, NOW)


def claim_bulk(database: Database, limit: int = 1, now: float = NOW) -> list[Claim]:
    with database.transaction() as session:
        return claiming.claim(session, RULES, now, limit, lane=BULK)


def reload(database: Database, batch: Batch) -> Batch:
    with database.reading() as session:
        return session.get_one(Batch, batch.id)


def findings(database: Database) -> list[str]:
    context = CheckContext(database, None, SETTINGS, 60, deep=False)  # type: ignore[arg-type]
    return [each.problem for each in doctor.sums(context)]


def lines_of(database: Database, batch: Batch) -> list[int]:
    of_batch = select(Clip.line_no).where(Clip.batch_id == batch.id).order_by(Clip.line_no)
    with database.reading() as session:
        return [number for number in session.scalars(of_batch) if number is not None]


def test_accept_holds_the_price_of_all_lines(database: Database) -> None:
    user = make_user(database)
    batch = accept(database, user, 150)
    assert account(database, user) == (10_000, 7_500)
    assert (batch.total, batch.waiting, batch.held) == (150, 150, 7_500)
    assert accept(database, user, 150).id == batch.id, "the same again is the same batch"
    assert account(database, user) == (10_000, 7_500)


def test_accept_refuses_what_the_balance_does_not_cover(database: Database) -> None:
    user = make_user(database)
    accept(database, user, 150)
    with pytest.raises(ApiError, match="costs 3000 credits and 2500 are available") as refused:
        accept(database, user, 60, name="july")
    assert (refused.value.status, refused.value.code) == (402, "not_enough_credits")
    assert account(database, user) == (10_000, 7_500)


def test_accept_refuses_another_manifest_under_the_same_name(database: Database) -> None:
    user = make_user(database)
    accept(database, user, 3)
    with pytest.raises(ApiError, match="another manifest") as refused:
        accept(database, user, 3, manifest="n" * 64)
    assert (refused.value.status, refused.value.code) == (409, "batch_conflict")


def test_accept_refuses_too_many_batches_and_lines(database: Database) -> None:
    user = make_user(database)
    for name in "abcd":
        accept(database, user, 1, name=name)
    with pytest.raises(ApiError) as refused:
        accept(database, user, 1, name="e")
    assert refused.value.code == "too_many_batches"
    other = make_user(database, "bob")
    with pytest.raises(ApiError) as refused:
        accept(database, other, SETTINGS.max_batch_lines + 1)
    assert refused.value.code == "too_many_lines"


def test_batch_of_another_user_is_not_found(database: Database) -> None:
    batch = accept(database, make_user(database), 1)
    other = make_user(database, "bob")
    with database.reading() as session, pytest.raises(ApiError) as refused:
        records.get(session, other.id, batch.id)
    assert (refused.value.status, refused.value.code) == (404, "batch_not_found")


def test_add_lines_moves_the_hold_to_the_clips_once(database: Database) -> None:
    user = make_user(database)
    batch = accept(database, user, 5)
    token = take(database, batch)
    assert token is not None
    assert feed(database, batch, token, 1, 2, 3) == 3
    assert feed(database, batch, token, 1, 2, 3) == 0, "the cursor has moved on"
    assert feed(database, batch, "another", 4, 5) == 0, "the lease is another's"
    assert account(database, user) == (10_000, 250)
    found = reload(database, batch)
    assert (found.waiting, found.pending, found.cursor, found.held) == (2, 3, 3, 100)
    assert lines_of(database, batch) == [1, 2, 3]
    assert findings(database) == []


def test_batch_is_counted_and_charged_as_its_clips_end(database: Database) -> None:
    user = make_user(database)
    batch = accept(database, user, 4)
    token = take(database, batch)
    assert token is not None
    feed(database, batch, token, 1, 2, 3, 4, bad=2)
    first, second, third = claim_bulk(database, 3)
    assert succeed(database, first)
    assert succeed(database, second)
    with database.transaction() as session:
        assert queue.fail(session, third.clip.id, third.token, "no_voice", "Gone.", NOW)
    assert not succeed(database, third)
    found = reload(database, batch)
    assert (found.pending, found.succeeded, found.failed) == (0, 2, 2)
    assert (found.held, found.charged, found.released) == (0, 100, 100)
    assert found.audio_seconds == 5.0
    assert account(database, user) == (9_900, 0)
    assert findings(database) == []
    with database.transaction() as session:
        assert leases.finish(session, batch.id, token, NOW)
    assert reload(database, batch).state == BatchState.FINISHED


def test_bulk_clips_start_without_the_throttle_and_do_not_count(database: Database) -> None:
    user = make_user(database)
    batch = accept(database, user, 10)
    token = take(database, batch)
    assert token is not None
    feed(database, batch, token, *range(1, 11))
    assert len(claim_bulk(database, 10)) == 10
    few = RULES.model_copy(update={"max_pending_of_user": 3})
    for _ in range(3):
        with database.transaction() as session:
            clip, _ = clips.submit(session, user.id, speech(), few, NOW)
        assert clip.start_at == NOW
    assert all(claim(database, NOW, few) for _ in range(3))


def test_lanes_are_claimed_apart(database: Database) -> None:
    user = make_user(database)
    batch = accept(database, user, 2)
    token = take(database, batch)
    assert token is not None
    feed(database, batch, token, 1, 2)
    typed = submit(database, user)
    claimed = claim(database)
    assert claimed is not None
    assert claimed.clip.id == typed.id
    assert claim(database) is None
    assert [each.clip.lane for each in claim_bulk(database, 5)] == [BULK, BULK]


def test_users_take_turns_with_their_batches(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    for user in (ada, bob):
        batch = accept(database, user, 3)
        token = take(database, batch)
        assert token is not None
        feed(database, batch, token, 1, 2, 3)
    order = [each.clip.user_id for each in claim_bulk(database, 6)]
    assert [set(order[at : at + 2]) for at in (0, 2, 4)] == [{ada.id, bob.id}] * 3


def test_alike_lines_are_claimed_together(database: Database) -> None:
    batch = accept(database, make_user(database), 4)
    token = take(database, batch)
    assert token is not None
    texts = ("Long as it may be.", "Short.", "Longer than long.", "Shorter")
    lines = [Line(at, str(at), speech(text)) for at, text in enumerate(texts, 1)]
    with database.transaction() as session:
        feeding.add_lines(session, batch, token, lines, NOW)
    lengths = [len(each.clip.text or "") for each in claim_bulk(database, 4)]
    assert lengths == sorted(lengths)


def test_only_one_feeder_has_a_batch_until_its_lease_ends(database: Database) -> None:
    batch = accept(database, make_user(database), 3)
    tokens = [each for each in concurrently(4, lambda _: take(database, batch)) if each]
    assert len(tokens) == 1
    assert take(database, batch, NOW + 29) is None
    second = take(database, batch, NOW + 31)
    assert second is not None
    assert feed(database, batch, tokens[0], 1) == 0
    with database.transaction() as session:
        assert leases.renew(session, batch.id, tokens[0], 30, NOW + 31) is None
        leases.let_go(session, batch.id, second, NOW + 31)
    assert take(database, batch, NOW + 31) is not None


def test_time_of_a_batch_is_that_with_a_feeder_or_lines_under_way(database: Database) -> None:
    """Fed for 10 s, then 20 s more until its line ends, nothing for an hour; then a feeder dies,
    whose lease of 30 s is counted; after another hour the last 5 s."""
    batch = accept(database, make_user(database), 2)
    token = take(database, batch)
    assert token is not None
    feed(database, batch, token, 1)
    (line,) = claim_bulk(database)
    with database.transaction() as session:
        leases.let_go(session, batch.id, token, NOW + 10)
    assert succeed(database, line, NOW + 30)
    assert take(database, batch, NOW + 3_630) is not None
    token = take(database, batch, NOW + 7_260)
    assert token is not None
    feed(database, batch, token, 2)
    (line,) = claim_bulk(database, now=NOW + 7_261)
    assert succeed(database, line, NOW + 7_265)
    with database.transaction() as session:
        assert leases.finish(session, batch.id, token, NOW + 7_265)
    summary = results.summary(reload(database, batch), NOW + 7_265)
    assert summary["seconds_under_way"] == 30 + 30 + 5
    assert summary["real_time_factor"] == 65 / summary["audio_seconds"]
    with database.transaction() as session:  # as if failed lines were tried again
        assert leases.take(session, batch.id, 30, NOW + 9_999) is not None
    later = results.summary(reload(database, batch), NOW + 10_000)
    assert later["seconds_under_way"] == 65 + 1


def test_cancel_releases_what_no_worker_has(database: Database) -> None:
    user = make_user(database)
    batch = accept(database, user, 10)
    token = take(database, batch)
    assert token is not None
    feed(database, batch, token, 1, 2, 3, 4)
    (under_way,) = claim_bulk(database)
    with database.transaction() as session:
        cancelling.cancel(session, user.id, batch.id)
    with database.transaction() as session:
        assert cancelling.cancel_unstarted(session, batch.id, NOW) == 3
    assert feed(database, batch, token, 5) == 0
    assert findings(database) == []
    with database.transaction() as session:
        assert not leases.finish(session, batch.id, token, NOW), "one is still under way"
    assert succeed(database, under_way)
    with database.transaction() as session:
        assert leases.finish(session, batch.id, token, NOW)
    found = reload(database, batch)
    assert (found.state, found.succeeded, found.cancelled) == (BatchState.CANCELLED, 1, 9)
    assert account(database, user) == (9_950, 0)
    assert findings(database) == []


def test_what_a_cancelled_line_may_have_left_is_swept(database: Database) -> None:
    """Its worker may have died behind the result: before it gave the lease back, or after that."""
    user = make_user(database)
    batch = accept(database, user, 3)
    token = take(database, batch)
    assert token is not None
    feed(database, batch, token, 1, 2, 3)
    held, released = claim_bulk(database, 2)
    with database.transaction() as session:
        queue.release(session, released.clip.id, released.token, NOW)
        clips.delete(session, user.id, held.clip.id, RULES, NOW)
        cancelling.cancel(session, user.id, batch.id)
    with database.transaction() as session:
        assert cancelling.cancel_unstarted(session, batch.id, NOW) == 2
    with database.reading() as session:
        left = clips.orphaned_results(session, NOW + 1, (0.0, ""))
        assert {each.id for each in left} == {held.clip.id, released.clip.id}


def test_retry_failed_makes_new_clips_in_their_place(database: Database) -> None:
    user = make_user(database)
    batch = accept(database, user, 2)
    token = take(database, batch)
    assert token is not None
    feed(database, batch, token, 1, 2)
    good, bad = claim_bulk(database, 2)
    assert succeed(database, good)
    with database.transaction() as session:
        assert queue.fail(session, bad.clip.id, bad.token, "broken", "Broken.", NOW)
    with database.transaction() as session:
        assert feeding.retry_failed(session, batch, token, NOW + 1, 10, NOW + 2) == 1
    with database.transaction() as session:
        assert feeding.retry_failed(session, batch, token, NOW + 1, 10, NOW + 2) == 0
    assert lines_of(database, batch) == [1, 2]
    (again,) = claim_bulk(database, 2, NOW + 2)
    assert again.clip.id != bad.clip.id
    assert succeed(database, again, NOW + 2)
    found = reload(database, batch)
    assert (found.succeeded, found.failed, found.charged, found.released) == (2, 0, 100, 0)
    assert findings(database) == []


def test_ended_after_stops_at_the_first_pending_line(database: Database) -> None:
    batch = accept(database, make_user(database), 6)
    token = take(database, batch)
    assert token is not None
    feed(database, batch, token, 1, 2, 3, 4, 5, bad=2)

    def ended() -> tuple[int, list[int | None]]:
        with database.reading() as session:
            found = session.get_one(Batch, batch.id)
            last, clips = outcomes.ended_after(session, found, 4)
            return last, [clip.line_no for clip in clips]

    assert ended() == (0, [])
    claimed = {each.clip.line_no: each for each in claim_bulk(database, 4)}
    for number in (1, 4, 5):
        assert succeed(database, claimed[number])
    assert ended() == (2, [1])
    with database.transaction() as session:
        session.delete(session.get_one(Clip, claimed[1].clip.id))
    assert ended() == (2, []), "the clip of a line may be deleted"
    assert succeed(database, claimed[3])
    assert ended() == (4, [3, 4])
    with database.transaction() as session:
        assert outcomes.deliver(session, batch.id, token, 4)
    assert ended() == (5, [5])


def test_concurrent_ends_are_all_counted(database: Database) -> None:
    user = make_user(database)
    batch = accept(database, user, 20)
    token = take(database, batch)
    assert token is not None
    feed(database, batch, token, *range(1, 21))
    claimed = claim_bulk(database, 20)
    assert all(concurrently(4, lambda at: [succeed(database, each) for each in claimed[at::4]]))
    found = reload(database, batch)
    assert (found.pending, found.succeeded, found.charged) == (0, 20, 1_000)
    charged = select(func.sum(LedgerEntry.amount)).where(LedgerEntry.reason == "clip")
    with database.reading() as session:
        assert session.scalars(charged).one() == -1_000
        assert credits.held(session, user.id) == 0


def test_doctor_finds_counts_that_do_not_add_up(database: Database) -> None:
    batch = accept(database, make_user(database), 3)
    assert findings(database) == []
    with database.transaction() as session:
        session.get_one(Batch, batch.id).succeeded = 1
    assert findings(database) == ["counts lines that do not add up to its total"]
    with database.transaction() as session:
        found = session.get_one(Batch, batch.id)
        found.succeeded, found.held = 0, 100
    assert len(findings(database)) == 1


def test_failure_holds_what_can_be_stored(database: Database) -> None:
    batch = accept(database, make_user(database), 1)
    why = Rejection("invalid_input", "\ud800" * 5_000, "\0" + "x" * 300)
    with database.transaction() as session:
        locked = session.get_one(Batch, batch.id)
        records.refuse(session, locked, "invalid_manifest", why.message, [(1, "a", why)], NOW)
    with database.reading() as session:
        (found,) = outcomes.failures_after(session, batch.id, 0, 9)
    assert (found.field, found.message) == ("\ufffd" + "x" * 99, "\ufffd" * 1_000)
