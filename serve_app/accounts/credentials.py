"""Sessions of people and API keys of programs.

A token is stored as a hash and shown once. `bs_` begins a session token, `bk_` an API key. A
session may do everything. A key may do what its scopes allow, and nothing that would outlive its
own expiry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Delete, Update, delete, func, or_, select, update
from sqlalchemy.orm import Session

from serve_app.accounts.credits import lock_account
from serve_app.db.models import ApiKey, SignInSession, User
from serve_app.errors import ApiError, not_found
from serve_app.ids import hash_token, is_id, new_id, new_token

MAX_KEYS = 100
MAX_SESSIONS = 100
"""Both bounds are for one account."""
_KEY_PREFIX_CHARACTERS = 11
_KEY_USE_RESOLUTION_SECONDS = 60


Scope = Literal["generate", "read"]
"""What an API key may do. `generate`: make, change and delete everything of the account except
credentials. `read`: list and download it."""
ALL_SCOPES: tuple[Scope, ...] = ("generate", "read")


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who sent a request, and the credential that it came with."""

    user: User
    credential: ApiKey | SignInSession

    def require(self, scope: Scope) -> None:
        """Raises ApiError 403 `scope_missing` unless the credential has the scope."""
        if isinstance(self.credential, ApiKey) and scope not in self.credential.scopes:
            message = f"This API key has not the scope `{scope}` that this takes."
            raise ApiError(403, "scope_missing", message)

    def require_session(self) -> SignInSession:
        """The caller's session. Raises ApiError 403 `session_needed` for an API key."""
        if isinstance(self.credential, ApiKey):
            message = "This takes a session: sign in and send its token, not an API key."
            raise ApiError(403, "session_needed", message)
        return self.credential

    def key_use_due(self, now: float) -> ApiKey | None:
        """The API key if its last use has to be recorded (`record_key_use`): once a minute at most,
        because a write costs more than the request."""
        key = self.credential
        if not isinstance(key, ApiKey):
            return None
        noted = key.last_used_at
        due = noted is None or now - noted >= _KEY_USE_RESOLUTION_SECONDS
        return key if due else None


def authenticate(session: Session, token: str, now: float) -> Caller:
    """The user and credential of a session token or API key. It only reads, because every request
    begins with it. Raises the same ApiError 401 `invalid_credentials` for unknown, revoked and
    expired tokens."""
    table: type[ApiKey | SignInSession] = ApiKey if token.startswith("bk_") else SignInSession
    found = session.execute(
        select(User, table)
        .join(table, table.user_id == User.id)
        .where(
            table.token_hash == hash_token(token),
            table.revoked_at.is_(None),
            table.expires_at.is_(None) | (table.expires_at > now),
        )
    ).one_or_none()
    if found is None:
        raise ApiError(401, "invalid_credentials", "Sign in or send a valid API key.")
    credential: Any = found[1]  # of `table`, whose type the query forgets
    return Caller(found[0], credential)


# Sessions


def open_session(session: Session, user: User, seconds: float, now: float) -> str:
    """A new session token, valid for `seconds`. Removes the user's ended sessions, and the oldest
    one where there are `MAX_SESSIONS`."""
    session.execute(_expired_sessions(user.id, now))
    for oldest in list_sessions(session, user.id, now)[MAX_SESSIONS - 1 :]:
        session.delete(oldest)
    token = new_token("bs")
    session.add(
        SignInSession(
            id=new_id(),
            user_id=user.id,
            token_hash=hash_token(token),
            created_at=now,
            expires_at=now + seconds,
        )
    )
    return token


def list_sessions(session: Session, user_id: str, now: float) -> list[SignInSession]:
    """The user's open sessions, newest first."""
    alive = select(SignInSession).where(
        SignInSession.user_id == user_id,
        SignInSession.revoked_at.is_(None),
        SignInSession.expires_at > now,
    )
    newest_first = alive.order_by(SignInSession.created_at.desc(), SignInSession.id.desc())
    return list(session.scalars(newest_first))


def end_session(session: Session, user_id: str, session_id: str, now: float) -> None:
    """Raises ApiError 404 `session_not_found` for unknown, foreign and ended sessions alike."""
    one = SignInSession.id == session_id, SignInSession.user_id == user_id
    alive = SignInSession.revoked_at.is_(None), SignInSession.expires_at > now
    ended = update(SignInSession).where(*one, *alive).values(revoked_at=now)
    if not is_id(session_id) or not _changed(session, ended):
        raise not_found("session")


def end_sessions(session: Session, user_id: str, now: float) -> None:
    """End all sessions of the user."""
    session.execute(
        update(SignInSession)
        .where(SignInSession.user_id == user_id, SignInSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def _changed(session: Session, change: Update) -> bool:
    """Whether the update changed a row. Foreign and missing rows go through the same statement, and
    so take the same time."""
    return bool(session.connection().execute(change).rowcount)


def _expired_sessions(user_id: str, now: float) -> Delete:
    over = or_(SignInSession.expires_at <= now, SignInSession.revoked_at.is_not(None))
    return delete(SignInSession).where(SignInSession.user_id == user_id, over)


# API keys


def create_key(
    session: Session,
    user_id: str,
    name: str,
    expires_at: float | None,
    now: float,
    scopes: Sequence[Scope] = ALL_SCOPES,
) -> tuple[ApiKey, str]:
    """A new API key and its token, which is never shown again. Removes the user's revoked keys.
    Raises ApiError 409 `too_many_api_keys`."""
    lock_account(session, user_id)
    of_user = ApiKey.user_id == user_id
    session.execute(delete(ApiKey).where(of_user, ApiKey.revoked_at.is_not(None)))
    if session.scalars(select(func.count()).where(of_user)).one() >= MAX_KEYS:
        message = f"An account may have {MAX_KEYS} API keys. Revoke one first."
        raise ApiError(409, "too_many_api_keys", message)
    token = new_token("bk")
    key = ApiKey(
        id=new_id(),
        user_id=user_id,
        name=name,
        scopes=list(scopes),
        token_hash=hash_token(token),
        prefix=token[:_KEY_PREFIX_CHARACTERS],
        created_at=now,
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    return key, token


def list_keys(session: Session, user_id: str) -> list[ApiKey]:
    """The user's keys that are not revoked, newest first."""
    query = select(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
    return list(session.scalars(query.order_by(ApiKey.created_at.desc(), ApiKey.id.desc())))


def revoke_key(session: Session, user_id: str, key_id: str, now: float) -> None:
    """Raises ApiError 404 `api_key_not_found` for unknown, foreign and revoked keys alike."""
    one = ApiKey.id == key_id, ApiKey.user_id == user_id
    revoked = update(ApiKey).where(*one, ApiKey.revoked_at.is_(None)).values(revoked_at=now)
    if not is_id(key_id) or not _changed(session, revoked):
        raise not_found("api_key")


def revoke_keys(session: Session, user_id: str, now: float) -> None:
    """Revoke all keys of the user."""
    session.execute(
        update(ApiKey)
        .where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def record_key_use(session: Session, key: ApiKey, now: float) -> None:
    """Sets the time at which an API key was last used."""
    session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=now))
