from __future__ import annotations

import pytest

from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState, User
from serve_app.db.pagination import Page
from serve_app.errors import ApiError
from serve_app.ids import new_id
from serve_app.media import clips
from serve_app.media.clips import ClipFilter
from serve_app.media.removals import START
from tests.serve_app.actions import (
    NOW,
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
    submit,
    succeed,
)


def submit_with_key(
    database: Database, user: User, key: str, request_hash: str = "a" * 64
) -> tuple[Clip, bool]:
    with database.transaction() as session:
        return clips.submit(session, user.id, speech(), UNTHROTTLED, NOW, key, request_hash)


def listed(database: Database, user: User, **filters: object) -> list[str]:
    with database.transaction() as session:
        page: Page[Clip] = clips.list_clips(session, user.id, ClipFilter(**filters))  # type: ignore[arg-type]
    return [clip.id for clip in page.items]


def not_found(database: Database, user: User, clip_id: str) -> dict[str, object]:
    bodies = []
    for act in (clips.get, lambda *ids: clips.delete(*ids, UNTHROTTLED, NOW)):
        with database.transaction() as session, pytest.raises(ApiError) as error:
            act(session, user.id, clip_id)
        assert error.value.status == 404
        bodies.append(error.value.body())
    assert bodies[0] == bodies[1]
    return bodies[0]


def test_submit_queues_a_pending_clip(database: Database) -> None:
    user = make_user(database)
    clip = submit(database, user, new=speech("Good morning."))
    with database.transaction() as session:
        found = clips.get(session, user.id, clip.id)
    assert found.state is ClipState.PENDING
    assert (found.text, found.voice, found.options) == (
        "Good morning.",
        "af_heart",
        {"format": "wav"},
    )
    assert (found.created_at, found.attempts, found.started_at) == (NOW, 0, None)


def test_submit_with_the_same_idempotency_key_gives_the_same_clip(database: Database) -> None:
    user = make_user(database)
    first, created = submit_with_key(database, user, "order-17")
    again, created_again = submit_with_key(database, user, "order-17")
    assert (created, created_again) == (True, False)
    assert first.id == again.id
    assert account(database, user) == (10_000, 50)


def test_submit_repeated_without_credits_gives_the_same_clip(database: Database) -> None:
    user = make_user(database, amount=50)
    first, _ = submit_with_key(database, user, "order-17")
    assert submit_with_key(database, user, "order-17")[0].id == first.id


def test_submit_with_the_same_key_and_another_request_is_409(database: Database) -> None:
    user = make_user(database)
    submit_with_key(database, user, "order-17")
    with pytest.raises(ApiError) as error:
        submit_with_key(database, user, "order-17", "b" * 64)
    assert (error.value.status, error.value.code) == (409, "idempotency_conflict")
    assert len(listed(database, user)) == 1


def test_idempotency_keys_belong_to_one_user(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    of_ada, _ = submit_with_key(database, ada, "order-17")
    of_bob, created = submit_with_key(database, bob, "order-17", "b" * 64)
    assert created
    assert of_ada.id != of_bob.id


def test_concurrent_submits_with_one_key_make_one_clip(database: Database) -> None:
    user = make_user(database)
    results = concurrently(8, lambda _: submit_with_key(database, user, "order-17"))
    assert len({clip.id for clip, _ in results}) == 1
    assert [created for _, created in results].count(True) == 1
    assert account(database, user) == (10_000, 50)


def test_delete_frees_the_idempotency_key(database: Database) -> None:
    user = make_user(database)
    first, _ = submit_with_key(database, user, "order-17")
    assert succeed(database, must_claim(database))
    delete(database, first)
    second, created = submit_with_key(database, user, "order-17", "b" * 64)
    assert created
    assert second.id != first.id


def test_get_treats_foreign_unknown_deleted_and_malformed_ids_alike(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    foreign = submit(database, bob)
    gone = submit(database, ada)
    delete(database, gone)
    delete(database, gone)
    ids = [foreign.id, gone.id, new_id(), "", "\x00", "x" * 5_000, foreign.id.upper()]
    bodies = [not_found(database, ada, clip_id) for clip_id in ids]
    assert all(body == bodies[0] for body in bodies)
    assert reload(database, foreign).state is ClipState.PENDING


def test_delete_cancels_a_pending_clip_and_frees_its_hold(database: Database) -> None:
    user = make_user(database)
    clip = delete(database, submit(database, user), NOW + 5)
    assert (clip.state, clip.deleted_at, clip.finished_at) == (ClipState.CANCELLED, None, NOW + 5)
    assert (clip.error_code, clip.error) == ("cancelled", "The clip was cancelled.")
    assert account(database, user) == (10_000, 0)
    assert listed(database, user) == [clip.id]
    assert claim(database) is None


def test_delete_of_a_running_clip_ends_its_lease_without_charge(
    database: Database,
) -> None:
    user = make_user(database)
    submit(database, user)
    claimed = must_claim(database)
    delete(database, claimed.clip)
    assert not renew(database, claimed, NOW + 1)
    assert not succeed(database, claimed, NOW + 1)
    assert account(database, user) == (10_000, 0)
    assert reload(database, claimed.clip).state is ClipState.CANCELLED


def test_concurrent_delete_and_succeed_have_one_outcome(database: Database) -> None:
    user = make_user(database)
    for _ in range(6):
        submit(database, user)
        claimed = must_claim(database)
        before, _ = account(database, user)

        def act(number: int, claimed: object = claimed) -> object:
            return delete(database, claimed.clip) if number else succeed(database, claimed)

        saved, _ = concurrently(2, act)
        clip = reload(database, claimed.clip)
        assert clip.state is (ClipState.SUCCEEDED if saved else ClipState.CANCELLED)
        assert (clip.deleted_at is not None) == saved
        assert account(database, user) == (before - 50 * saved, 0)


def test_deleted_clip_is_hidden_until_purged(database: Database) -> None:
    user = make_user(database)
    clip = submit(database, user)
    assert succeed(database, must_claim(database))
    assert delete(database, clip, NOW + 5).deleted_at == NOW + 5
    assert listed(database, user) == []
    with database.transaction() as session:
        assert [each.id for each in clips.deleted(session, START)] == [clip.id]
        clips.purge(session, clip.id)
    with database.transaction() as session:
        assert clips.deleted(session, START) == []
        assert session.get(Clip, clip.id) is None
    assert account(database, user) == (9_950, 0)


def test_purge_keeps_clips_that_are_not_deleted(database: Database) -> None:
    clip = submit(database, make_user(database))
    with database.transaction() as session:
        clips.purge(session, clip.id)
    assert reload(database, clip).state is ClipState.PENDING


def test_wants_object_while_the_clip_may_succeed(database: Database) -> None:
    user = make_user(database)

    def wanted(clip: Clip) -> bool:
        with database.transaction() as session:
            return clips.wants_object(session, clip.id)

    made = submit(database, user)
    assert wanted(made)
    assert succeed(database, must_claim(database))
    assert wanted(made)
    delete(database, made)
    assert not wanted(made)
    assert not wanted(delete(database, submit(database, user)))
    with database.transaction() as session:
        assert not clips.wants_object(session, new_id())


def test_list_clips_newest_first_by_service_and_state(database: Database) -> None:
    user = make_user(database)
    failed = submit(database, user, NOW)
    assert must_claim(database).clip.id == failed.id
    assert claim(database, NOW + 31, UNTHROTTLED.model_copy(update={"max_losses": 1})) is None
    made = submit(database, user, NOW + 1, new=speech(service="seedvc"))
    assert succeed(database, must_claim(database, NOW + 1))
    cancelled = delete(database, submit(database, user, NOW + 2))
    waiting = submit(database, user, NOW + 2)
    submit(database, make_user(database, "bob"), NOW + 3)
    assert listed(database, user) == [waiting.id, cancelled.id, made.id, failed.id]
    assert listed(database, user, service="seedvc") == [made.id]
    assert listed(database, user, states=[ClipState.PENDING]) == [waiting.id]
    assert listed(database, user, states=[ClipState.SUCCEEDED]) == [made.id]
    assert listed(database, user, states=[ClipState.CANCELLED]) == [cancelled.id]
    assert listed(database, user, states=[ClipState.FAILED]) == [failed.id]
    assert listed(database, user, service="seedvc", states=[ClipState.FAILED]) == []


def test_list_clips_pages_are_stable_under_changes(database: Database) -> None:
    user = make_user(database)
    # Several of the same instant, so that the id decides among them.
    ids = [submit(database, user, NOW + number // 3).id for number in range(10)]
    seen: list[str] = []
    cursor = None
    while True:
        with database.transaction() as session:
            page = clips.list_clips(session, user.id, limit=3, cursor=cursor)
        assert len(page.items) <= 3
        seen += [clip.id for clip in page.items]
        if (cursor := page.next_cursor) is None:
            break
        submit(database, user, NOW + 100)
        with database.transaction() as session:
            last = session.get_one(Clip, seen[-1])
            last.deleted_at = NOW
            session.flush()
            clips.purge(session, last.id)
    assert len(seen) == 10
    assert set(seen) == set(ids)
    moments = {clip_id: number // 3 for number, clip_id in enumerate(ids)}
    assert seen == sorted(ids, key=lambda each: (moments[each], each), reverse=True)


def test_list_clips_full_last_page_has_no_cursor(database: Database) -> None:
    user = make_user(database)
    for _ in range(4):
        submit(database, user)
    with database.transaction() as session:
        first = clips.list_clips(session, user.id, limit=2)
        second = clips.list_clips(session, user.id, limit=2, cursor=first.next_cursor)
    assert first.next_cursor is not None
    assert second.next_cursor is None


def test_list_clips_refuses_an_invalid_cursor(database: Database) -> None:
    user = make_user(database)
    with database.transaction() as session, pytest.raises(ApiError) as error:
        clips.list_clips(session, user.id, cursor="none")
    assert (error.value.status, error.value.field) == (422, "cursor")
