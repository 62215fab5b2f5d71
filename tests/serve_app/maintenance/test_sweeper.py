"""Expired rows and objects are removed in bounded batches, and nothing else is."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from sqlalchemy import select

from serve_app.db.engine import Database
from serve_app.db.models import (
    AuthAttempt,
    Batch,
    BatchFailure,
    Clip,
    ClipEvent,
    ClipState,
    SignInSession,
)
from serve_app.ids import new_id
from serve_app.jobs import queue
from serve_app.maintenance import retention, sweeper
from serve_app.media import clips
from serve_app.media.batches import leftovers
from serve_app.settings import Settings
from serve_app.storage.object_keys import id_in
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing
from tests.serve_app.actions import (
    NOW,
    account,
    concurrently,
    delete,
    events_of,
    ledger_sum,
    make_user,
    must_claim,
    reload,
    result_of,
    submit,
    succeed,
)
from tests.waiting import until


def ids(database: Database) -> set[str]:
    with database.reading() as session:
        return set(session.scalars(select(Clip.id)))


def test_expire_clips_in_batches_oldest_first(database: Database) -> None:
    user = make_user(database)
    made = []
    for age in range(5):
        submit(database, user)
        claimed = must_claim(database)
        assert succeed(database, claimed, NOW + age)
        made.append(claimed.clip)
    waiting = submit(database, user)
    with database.transaction() as session:
        assert retention.expire_clips(session, NOW + 4, NOW + 10, 3) == 3
    assert [reload(database, each).deleted_at for each in made] == [NOW + 10] * 3 + [None] * 2
    with database.transaction() as session:
        assert retention.expire_clips(session, NOW + 4, NOW + 11, 3) == 1
        assert retention.expire_clips(session, NOW + 4, NOW + 11, 3) == 0
    assert reload(database, made[4]).deleted_at is None
    assert reload(database, waiting).deleted_at is None
    with database.reading() as session:
        listed = clips.list_clips(session, user.id).items
    assert {each.id for each in listed} == {made[4].id, waiting.id}
    assert account(database, user)[0] == ledger_sum(database, user) == 9_750


def test_purge_events_of_ended_clips_by_age(database: Database) -> None:
    user = make_user(database)
    done, waiting = submit(database, user), submit(database, user)
    assert succeed(database, must_claim(database, NOW + 1), NOW + 2)
    with database.transaction() as session:
        assert retention.purge_events(session, NOW + 1.5, 1) == 1
        assert retention.purge_events(session, NOW + 1.5, 5) == 1
        assert retention.purge_events(session, NOW + 1.5, 5) == 0
    assert [each.kind for each in events_of(database, done)] == ["finished"]
    assert [each.kind for each in events_of(database, waiting)] == ["queued"]


def test_purge_sessions_and_auth_attempts(database: Database) -> None:
    user = make_user(database)
    with database.transaction() as session:
        for number, end in enumerate((NOW - 1, NOW, NOW + 1)):
            session.add(
                SignInSession(
                    id=new_id(),
                    user_id=user.id,
                    token_hash=str(number),
                    created_at=NOW - 9,
                    expires_at=end,
                )
            )
            session.add(AuthAttempt(subject="someone", at=end, under_way=False))
    with database.transaction() as session:
        assert retention.purge_sessions(session, NOW, 9) == 2
        assert retention.purge_auth_attempts(session, NOW, 9) == 2
        assert session.scalars(select(SignInSession.expires_at)).all() == [NOW + 1]
        assert session.scalars(select(AuthAttempt.at)).all() == [NOW + 1]


def test_concurrent_retention_removes_each_row_once(database: Database) -> None:
    user = make_user(database)
    for _ in range(40):
        clip = submit(database, user)
        delete(database, clip)
    with database.transaction() as session:
        for number in range(200):
            session.add(AuthAttempt(subject="someone", at=NOW + number, under_way=False))

    def remove(_: int) -> int:
        removed = 0
        for _ in range(10):
            with database.transaction() as session:
                removed += retention.purge_auth_attempts(session, NOW + 500, 30)
            with database.transaction() as session:
                removed += retention.purge_events(session, NOW + 500, 30)
            with database.transaction() as session:
                removed += retention.expire_clips(session, NOW + 500, NOW + 501, 30)
        return removed

    assert sum(concurrently(3, remove)) == 200 + 40 * 2 + 40
    with database.reading() as session:
        assert session.scalars(select(ClipEvent.seq)).all() == []


@pytest.fixture
def settings(api_settings: Settings) -> Settings:
    return api_settings.model_copy(update={"clip_keep_seconds": 60.0, "event_keep_seconds": 1.0})


def test_sweep_removes_expired_clips_with_their_objects(
    settings: Settings, database: Database, api_store: ObjectStore
) -> None:
    user = make_user(database)
    now = time.time()
    kept = []
    for age in (3_600, 61, 5):
        submit(database, user, now - age)
        claimed = must_claim(database, now - age)
        assert succeed(database, claimed, now - age)
        api_store.put(result_of(claimed), b"audio", "audio/wav")
        if age == 5:
            kept.append(claimed)
    sweeper.Sweeper(database, api_store, settings).sweep()
    assert ids(database) == {each.clip.id for each in kept}
    assert api_store.get(result_of(kept[0])) == b"audio"
    assert not events_of(database, kept[0].clip)
    assert ledger_sum(database, user) == 9_850


def test_sweep_keeps_clips_by_default(
    api_settings: Settings, database: Database, api_store: ObjectStore
) -> None:
    submit(database, make_user(database), 1.0)
    assert succeed(database, must_claim(database, 1.0), 1.0)
    before = ids(database)
    sweeper.Sweeper(database, api_store, api_settings).sweep()
    assert ids(database) == before


def test_sweep_removes_orphaned_results(
    settings: Settings, database: Database, api_store: ObjectStore
) -> None:
    user = make_user(database)
    settings = settings.model_copy(update={"clip_keep_seconds": 0.0})
    made = []
    for age in (sweeper.GRACE_LEASES * settings.lease_seconds + 60, 1):
        clip = submit(database, user)
        claimed = must_claim(database)
        with database.transaction() as session:
            session.get_one(Clip, clip.id).made_by = claimed.token
        api_store.put(result_of(claimed), b"audio", "audio/wav")
        delete(database, clip, time.time() - age)
        made.append(claimed)
    old, new = made
    sweeper.Sweeper(database, api_store, settings).sweep()
    with pytest.raises(ObjectMissing):
        api_store.head(result_of(old))
    assert reload(database, old.clip).made_by is None
    assert reload(database, old.clip).state is ClipState.CANCELLED
    assert api_store.get(result_of(new)) == b"audio", "its worker may yet live"


def begin_upload(store: ObjectStore, key: str) -> None:
    store.open_writer(key, "audio/wav").write(b"begun")
    until(lambda: bool(store.list_multipart(key)), 5, "it is open")


def test_sweep_removes_abandoned_uploads(
    settings: Settings,
    database: Database,
    api_store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a dead worker leaves it, or a store whose answer was lost."""
    user = make_user(database)
    left: dict[str, str] = {}
    for fate in ("made", "done", "released"):
        submit(database, user)
        claimed = must_claim(database)
        begin_upload(api_store, result_of(claimed))
        left[fate] = claimed.clip.id
        if fate == "done":
            assert succeed(database, claimed)
        if fate == "released":
            with database.transaction() as session:
                queue.release(session, claimed.clip.id, claimed.token, NOW)

    def there() -> set[str]:
        of_uploads = {id_in(each.key) for each in api_store.list_multipart("styletts2-output/")}
        return of_uploads & set(left.values())

    sweeper.Sweeper(database, api_store, settings).sweep()
    assert there() == set(left.values()), "their workers may yet live"
    monkeypatch.setattr(sweeper, "GRACE_LEASES", -1)
    sweeper.Sweeper(database, api_store, settings).sweep()
    assert there() == {left["made"]}


def test_sweep_goes_on_after_a_failed_part(
    settings: Settings,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "serve_app.maintenance.sweeper")
    with database.transaction() as session:
        session.add(AuthAttempt(subject="someone", at=1, under_way=False))
    away = settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    sweeper.Sweeper(database, ObjectStore(away), away).sweep()
    with database.reading() as session:
        assert session.scalars(select(AuthAttempt.at)).all() == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_sweep_ignores_jumps_of_the_process_clock(
    settings: Settings,
    database: Database,
    api_store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SQLite has no clock but that of its machine."""
    user = make_user(database)
    now = time.time()
    submit(database, user, now)
    claimed = must_claim(database, now)
    api_store.put(result_of(claimed), b"audio", "audio/wav")
    assert succeed(database, claimed, now)
    upload = api_store.open_writer("styletts2-output/jump", "audio/wav")
    upload.write(b"under way")
    for jump in (-1, 1):
        true = time.time
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda true=true, jump=jump: true() + jump * 90_000)
            sweeper.Sweeper(database, api_store, settings).sweep()
    assert ids(database) == {claimed.clip.id}
    upload.complete()
    api_store.delete("styletts2-output/jump")


def test_sweep_removes_copies_that_no_batch_needs(
    settings: Settings,
    sqlite_database: Database,
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, user = time.time(), make_user(sqlite_database)
    names = {
        "open": {"waiting": 1, "by_service": True},
        "ended": {"finished_at": now, "by_service": True, "failed": 1},
        "job": {"finished_at": now, "succeeded": 1},
        "again": {"finished_at": now, "failed": 1},
        "late": {"finished_at": now - settings.upload_keep_seconds - 1, "failed": 1},
    }
    made = {name: new_id() for name in (*names, "nobody")}
    with sqlite_database.transaction() as session:
        for name, columns in names.items():
            session.add(batch_of(user.id, made[name], **columns))
    for batch_id in made.values():
        for name in ("manifest.a.jsonl", "sources/1", "results-00000.jsonl"):
            store.put(f"batches/{batch_id}/{name}", b"{}", "application/json")
    sweeper.Sweeper(sqlite_database, store, settings).sweep()
    assert len(store.keys("batches/")) == 18, "they may be in flight"
    monkeypatch.setattr(leftovers, "IN_FLIGHT_SECONDS", -5)
    sweeper.Sweeper(sqlite_database, store, settings).sweep()
    left = {name: len(store.keys(f"batches/{made[name]}/")) for name in made}
    assert left == {"open": 3, "ended": 1, "job": 1, "again": 3, "late": 1, "nobody": 1}


def test_purge_batches_whose_clips_are_gone(database: Database) -> None:
    user = make_user(database)
    old, young, used = new_id(), new_id(), new_id()
    clip = submit(database, user)
    with database.transaction() as session:
        for batch_id, ended in ((old, NOW - 1), (young, NOW + 1), (used, NOW - 1)):
            session.add(batch_of(user.id, batch_id, finished_at=ended))
        session.flush()
        why = {"line_no": 1, "line_id": "a", "code": "invalid_input", "message": "No."}
        session.add(BatchFailure(batch_id=old, **why))
        session.get_one(Clip, clip.id).batch_id = used
    with database.transaction() as session:
        assert retention.purge_batches(session, NOW, 9) == 1
        assert set(session.scalars(select(Batch.id))) == {young, used}
        assert session.scalars(select(BatchFailure)).all() == []


def batch_of(user_id: str, batch_id: str, **columns: Any) -> Batch:
    counts = {"total": 1, "waiting": 0, "line_credits": 0, "price": 0, "held": 0, **columns}
    place = {"manifest": "a.jsonl", "manifest_sha256": "", "output": ""}
    return Batch(id=batch_id, user_id=user_id, created_at=NOW, **place, **counts)
