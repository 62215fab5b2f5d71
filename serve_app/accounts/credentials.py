"""Sessions of people and API keys of programs.

A token is stored as a hash and shown once. `bs_` begins a session token, `bk_` an API key, `bl_`
a sign-in link. A session may do everything; one of the studio ends early where it is not used. A
key may do what its scopes allow, and nothing that would outlive its own expiry. A link may be
exchanged for a session of the studio, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Delete,
    Float,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from serve_app.accounts.credits import lock_account
from serve_app.db.models import ApiKey, SignInSession, User
from serve_app.errors import ApiError, not_found
from serve_app.ids import hash_token, is_id, new_id, new_token

MAX_KEYS = 100
MAX_SESSIONS = 100
"""Both bounds are for one account."""
_KEY_PREFIX_CHARACTERS = 11
_USE_RESOLUTION_SECONDS = 60
STUDIO_SECONDS = 12 * 3600.0
STUDIO_IDLE_SECONDS = 3600.0
"""How long a session of the studio lasts: in all, and without a request."""
LINK_SECONDS = 600.0
"""How long a sign-in link is valid."""

Client = Literal["api", "studio"]
"""Who keeps the token of a session: a program, or the page in a browser."""
STUDIO, LINK = "studio", "link"

Time = float | ColumnElement[float]
"""Seconds since the epoch, or what a statement is given for them."""

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

    def use_due(self, now: float) -> bool:
        """Whether the use of the credential has to be recorded (`record_use`): once a minute at
        most, because a write costs more than the request."""
        used = self.credential
        if isinstance(used, SignInSession) and used.kind != STUDIO:
            return False
        return used.last_used_at is None or now - used.last_used_at >= _USE_RESOLUTION_SECONDS


def authenticate(session: Session, token: str, now: float) -> Caller:
    """The user and credential of a session token or API key. It only reads, because every request
    begins with it. Raises the same ApiError 401 `invalid_credentials` for unknown, revoked and
    expired tokens."""
    callers = _BY_KEY if token.startswith("bk_") else _BY_SESSION
    found = session.execute(callers, {"hash": hash_token(token), "now": now}).one_or_none()
    if found is None:
        raise ApiError(401, "invalid_credentials", "Sign in or send a valid API key.")
    return Caller(*found)


def _valid_key(now: Time) -> ColumnElement[bool]:
    in_time = ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now)
    return and_(ApiKey.revoked_at.is_(None), in_time)


def record_use(session: Session, credential: ApiKey | SignInSession, now: float) -> None:
    """Sets the time at which a credential was last used."""
    table = type(credential)
    session.execute(update(table).where(table.id == credential.id).values(last_used_at=now))


# Sessions


def _unused_since(now: Time) -> ColumnElement[bool]:
    """Whether a session of the studio was not used for too long."""
    last = func.coalesce(SignInSession.last_used_at, SignInSession.created_at)
    return and_(SignInSession.kind == STUDIO, last <= now - STUDIO_IDLE_SECONDS)


def _open(now: Time) -> ColumnElement[bool]:
    return and_(
        SignInSession.revoked_at.is_(None),
        SignInSession.expires_at > now,
        SignInSession.kind != LINK,
        ~_unused_since(now),
    )


def _callers(table: Any, valid: ColumnElement[bool]) -> Select[Any]:
    found: Select[Any] = select(User, table)
    of_user = found.join(table, table.user_id == User.id)
    return of_user.where(table.token_hash == bindparam("hash"), valid)


# Made once: every request begins with one of them, and to put one together takes as long as to run
# it.
_NOW = bindparam("now", type_=Float)
_BY_KEY = _callers(ApiKey, _valid_key(_NOW))
_BY_SESSION = _callers(SignInSession, _open(_NOW))


def open_session(
    session: Session, user: User, seconds: float, now: float, kind: str = "api"
) -> str:
    """A new session token, valid for `seconds`. Removes the user's ended sessions, and the oldest
    one where there are `MAX_SESSIONS`."""
    session.execute(_expired_sessions(user.id, now))
    for oldest in list_sessions(session, user.id, now)[MAX_SESSIONS - 1 :]:
        session.delete(oldest)
    return _add_session(session, user.id, new_token("bs"), seconds, now, kind)


def open_link(session: Session, user: User, now: float) -> str:
    """The token of a link that signs the user in at the studio, once, within `LINK_SECONDS`."""
    return _add_session(session, user.id, new_token("bl"), LINK_SECONDS, now, LINK)


def redeem_link(session: Session, token: str, now: float) -> User:
    """The user of a sign-in link, which is void from now on. Raises ApiError 401 `invalid_link`
    for unknown, used and expired links alike."""
    used = (
        update(SignInSession)
        .where(
            SignInSession.token_hash == hash_token(token),
            SignInSession.kind == LINK,
            SignInSession.revoked_at.is_(None),
            SignInSession.expires_at > now,
        )
        .values(revoked_at=now)
        .returning(SignInSession.user_id)
    )
    user_id = session.scalars(used).one_or_none()
    if user_id is None:
        message = "This link was used or is too old. Run `bernie studio` for another."
        raise ApiError(401, "invalid_link", message)
    return session.get_one(User, user_id)


def _add_session(
    session: Session, user_id: str, token: str, seconds: float, now: float, kind: str
) -> str:
    session.add(
        SignInSession(
            id=new_id(),
            user_id=user_id,
            token_hash=hash_token(token),
            created_at=now,
            expires_at=now + seconds,
            kind=kind,
        )
    )
    return token


def list_sessions(session: Session, user_id: str, now: float) -> list[SignInSession]:
    """The user's open sessions, newest first."""
    alive = select(SignInSession).where(SignInSession.user_id == user_id, _open(now))
    newest_first = alive.order_by(SignInSession.created_at.desc(), SignInSession.id.desc())
    return list(session.scalars(newest_first))


def end_session(session: Session, user_id: str, session_id: str, now: float) -> None:
    """Raises ApiError 404 `session_not_found` for unknown, foreign and ended sessions alike."""
    one = SignInSession.id == session_id, SignInSession.user_id == user_id
    ended = update(SignInSession).where(*one, _open(now)).values(revoked_at=now)
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
    ended = SignInSession.revoked_at.is_not(None)
    over = or_(SignInSession.expires_at <= now, ended, _unused_since(now))
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
