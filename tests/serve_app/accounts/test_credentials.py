from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from serve_app.accounts import credentials
from serve_app.db.engine import Database
from serve_app.db.models import ApiKey, SignInSession, User
from serve_app.errors import ApiError
from serve_app.ids import new_id
from tests.serve_app.actions import NOW, make_user


def authenticate(database: Database, token: str, now: float = NOW) -> User:
    """As every request does."""
    with database.reading() as session:
        caller = credentials.authenticate(session, token, now)
    if caller.use_due(now):
        with database.transaction() as session:
            credentials.record_use(session, caller.credential, now)
    return caller.user


def refused(database: Database, token: str, now: float = NOW) -> dict[str, object]:
    with pytest.raises(ApiError) as error:
        authenticate(database, token, now)
    assert error.value.status == 401
    return error.value.body()


def opened(database: Database, user: User, seconds: float = 3_600) -> tuple[str, str]:
    """A new session: its token and its id."""
    with database.transaction() as session:
        token = credentials.open_session(session, user, seconds, NOW)
    with database.reading() as session:
        return token, credentials.list_sessions(session, user.id, NOW)[0].id


def end(database: Database, user: User, session_id: str) -> bool:
    try:
        with database.transaction() as session:
            credentials.end_session(session, user.id, session_id, NOW + 10)
    except ApiError as error:
        return error.code != "session_not_found"
    return True


def test_session_lives_until_ended(database: Database) -> None:
    user = make_user(database)
    (token, session_id), (other, _) = opened(database, user), opened(database, user)
    assert authenticate(database, token, NOW + 3_599).id == user.id
    assert end(database, user, session_id)
    assert not end(database, user, session_id)
    refused(database, token, NOW + 30)
    assert authenticate(database, other, NOW + 30).id == user.id


def test_end_session_is_404_for_foreign_and_ended_ones(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    token, of_bob = opened(database, bob)
    _, over = opened(database, ada, seconds=5)
    for session_id in (of_bob, over, new_id(), "no id", "\x00"):
        assert not end(database, ada, session_id)
    assert authenticate(database, token).id == bob.id


def test_end_sessions_ends_all_of_a_user(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    tokens = [opened(database, ada)[0] for _ in range(3)]
    of_bob, _ = opened(database, bob)
    with database.transaction() as session:
        _, key = credentials.create_key(session, ada.id, "ci", None, NOW)
        credentials.end_sessions(session, ada.id, NOW)
    for token in tokens:
        refused(database, token)
    assert authenticate(database, key).id == ada.id
    assert authenticate(database, of_bob).id == bob.id


def test_revoke_keys_revokes_all_of_a_user(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    with database.transaction() as session:
        _, of_ada = credentials.create_key(session, ada.id, "ci", None, NOW)
        _, of_bob = credentials.create_key(session, bob.id, "ci", None, NOW)
        credentials.revoke_keys(session, ada.id, NOW)
    refused(database, of_ada)
    assert authenticate(database, of_bob).id == bob.id


def test_create_key_refuses_too_many_keys(sqlite_database: Database) -> None:
    user = make_user(sqlite_database)
    with sqlite_database.transaction() as session:
        made = [
            credentials.create_key(session, user.id, "ci", None, NOW)[0].id
            for _ in range(credentials.MAX_KEYS)
        ]
    with sqlite_database.transaction() as session, pytest.raises(ApiError) as error:
        credentials.create_key(session, user.id, "ci", None, NOW)
    assert (error.value.status, error.value.code) == (409, "too_many_api_keys")
    with sqlite_database.transaction() as session:
        credentials.revoke_key(session, user.id, made[0], NOW)
        credentials.create_key(session, user.id, "ci", None, NOW)
        rows = session.scalars(select(func.count()).select_from(ApiKey)).one()
    assert rows == credentials.MAX_KEYS


def test_open_session_removes_the_oldest_of_too_many(sqlite_database: Database) -> None:
    user = make_user(sqlite_database)
    with sqlite_database.transaction() as session:
        tokens = [
            credentials.open_session(session, user, 3_600, NOW + number)
            for number in range(credentials.MAX_SESSIONS + 1)
        ]
    refused(sqlite_database, tokens[0], NOW + 200)
    assert authenticate(sqlite_database, tokens[1], NOW + 200).id == user.id
    with sqlite_database.reading() as session:
        alive = credentials.list_sessions(session, user.id, NOW + 200)
    assert len(alive) == credentials.MAX_SESSIONS


def test_key_without_scopes_has_all_scopes(database: Database) -> None:
    user = make_user(database)
    row = {"id": new_id(), "user_id": user.id, "name": "old", "token_hash": "", "prefix": "bk_"}
    columns = ", ".join([*row, "created_at"])
    values = ", ".join(f":{name}" for name in [*row, "created_at"])
    insert = text(f"INSERT INTO api_keys ({columns}) VALUES ({values})")
    with database.transaction() as session:
        session.execute(insert, {**row, "created_at": NOW})
        (key,) = credentials.list_keys(session, user.id)
    assert key.scopes == list(credentials.ALL_SCOPES)


def test_expired_session_is_refused_and_removed(database: Database) -> None:
    user = make_user(database)
    with database.transaction() as session:
        token = credentials.open_session(session, user, 3_600, NOW)
    refused(database, token, NOW + 3_600)
    with database.transaction() as session:
        credentials.open_session(session, user, 3_600, NOW + 3_600)
        assert len(session.scalars(select(SignInSession)).all()) == 1


def test_tokens_are_stored_as_hashes_only(database: Database) -> None:
    user = make_user(database)
    with database.transaction() as session:
        token = credentials.open_session(session, user, 3_600, NOW)
        key, secret = credentials.create_key(session, user.id, "ci", None, NOW)
        opened = session.scalars(select(SignInSession)).one()
    assert token.removeprefix("bs_") not in str(vars(opened))
    assert secret.removeprefix("bk_") not in str(vars(key))
    assert secret.startswith(key.prefix)


def test_key_is_created_used_listed_and_revoked(database: Database) -> None:
    user = make_user(database)
    with database.transaction() as session:
        key, secret = credentials.create_key(session, user.id, "ci", NOW + 100, NOW)
    assert authenticate(database, secret, NOW + 99).id == user.id
    refused(database, secret, NOW + 100)
    with database.transaction() as session:
        assert [each.name for each in credentials.list_keys(session, user.id)] == ["ci"]
        credentials.revoke_key(session, user.id, key.id, NOW + 10)
    with database.transaction() as session:
        assert credentials.list_keys(session, user.id) == []
    refused(database, secret, NOW + 20)


def test_authenticate_refuses_unknown_revoked_and_expired_tokens_alike(database: Database) -> None:
    user = make_user(database)
    with database.transaction() as session:
        _, expired = credentials.create_key(session, user.id, "old", NOW - 1, NOW - 10)
        key, revoked = credentials.create_key(session, user.id, "gone", None, NOW)
        credentials.revoke_key(session, user.id, key.id, NOW)
        closed = credentials.open_session(session, user, 60, NOW)
        credentials.end_sessions(session, user.id, NOW)
    tokens = [expired, revoked, closed, "bk_unknown", "bs_unknown", "", "unknown"]
    bodies = [refused(database, token) for token in tokens]
    assert all(body == bodies[0] for body in bodies)


def test_revoke_key_is_404_for_foreign_unknown_and_revoked_keys(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    with database.transaction() as session:
        of_bob, _ = credentials.create_key(session, bob.id, "bob's", None, NOW)
        revoked, _ = credentials.create_key(session, ada.id, "gone", None, NOW)
        credentials.revoke_key(session, ada.id, revoked.id, NOW)
    for key_id in (of_bob.id, revoked.id, new_id(), "no id", "\x00"):
        with database.transaction() as session, pytest.raises(ApiError) as error:
            credentials.revoke_key(session, ada.id, key_id, NOW)
        assert (error.value.status, error.value.code) == (404, "api_key_not_found")
    with database.transaction() as session:
        assert session.get_one(ApiKey, of_bob.id).revoked_at is None


def test_key_use_is_recorded_once_a_minute(database: Database) -> None:
    user = make_user(database)
    with database.transaction() as session:
        key, secret = credentials.create_key(session, user.id, "ci", None, NOW)
    noted = []
    for later in (0, 59, 60, 61):
        authenticate(database, secret, NOW + later)
        with database.transaction() as session:
            noted.append(session.get_one(ApiKey, key.id).last_used_at)
    assert noted == [NOW, NOW, NOW + 60, NOW + 60]
