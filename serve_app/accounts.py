"""Users, their passwords, sessions and API keys.

Tokens are kept as hashes and shown once. `bs_` begins a session token, `bk_` an API key.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import case, delete, func, not_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serve_app import credits
from serve_app.db.engine import Database
from serve_app.db.models import ApiKey, SignInFailure, SignInSession, User
from serve_app.errors import ServiceError, not_found
from serve_app.field_rules import EMAIL_LENGTH, EMAIL_SHAPE, PASSWORD_LENGTH, require
from serve_app.ids import hash_token, is_id, new_id, new_token

# RFC 9106 argon2id with OWASP's smaller memory: 19 MiB each, so that many sign-ins at once fit.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_SIGN_IN = "sign-in"
_UNDER_WAY_SECONDS = 1
_KEY_PREFIX_CHARACTERS = 11
_KEY_USE_RESOLUTION_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """At most `attempts` failed sign-ins of one account within `window_seconds`, and ten times as
    many from one address, which a whole office may share."""

    attempts: int
    window_seconds: float

    @property
    def attempts_from_address(self) -> int:
        return 10 * self.attempts


def sign_up(session: Session, email: str, password: str, amount: int, now: float) -> User:
    """A new user with `amount` credits; 409 `email_taken`, 422 for what could never sign in."""
    email = _normal(email)
    require("email", email, EMAIL_LENGTH, EMAIL_SHAPE)
    require("password", password, PASSWORD_LENGTH)
    user = User(id=new_id(), email=email, password_hash=_hasher.hash(password), created_at=now)
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise ServiceError(
            409, "email_taken", "There is an account with this e-mail address.", "email"
        ) from None
    credits.welcome(session, user, amount, now)
    return user


def by_email(session: Session, email: str) -> User:
    """404 `user_not_found`."""
    user = session.scalars(select(User).where(User.email == _normal(email))).one_or_none()
    if user is None:
        raise not_found("user")
    return user


def list_users(session: Session) -> list[User]:
    """All users, the oldest first."""
    return list(session.scalars(select(User).order_by(User.created_at, User.id)))


def sign_in(
    database: Database, email: str, password: str, address: str, limits: SignInLimits, now: float
) -> User:
    """The user with this e-mail and password; 401 `wrong_credentials`, 429 `too_many_attempts`.

    It takes the database instead of a session because it needs two transactions: an attempt counts
    as failed before the password is looked at, so that neither an error nor many attempts at
    once get round the limit, and is forgiven if it succeeds. The slow hash runs between the two.
    """
    email = _normal(email)
    account, address = hash_token(f"account:{email}"), hash_token(f"address:{address}")
    with database.transaction() as session:
        database.lock(session, _SIGN_IN)
        allowed = {account: limits.attempts, address: limits.attempts_from_address}
        _refuse_too_many(session, allowed, limits.window_seconds, now)
        attempts = [SignInFailure(subject=subject, at=now) for subject in allowed]
        session.add_all(attempts)
        user = session.scalars(select(User).where(User.email == email)).one_or_none()
    # An unknown e-mail costs the same time as a wrong password.
    if not _matches(user.password_hash if user else _nobody(), password):
        user = None
    own = SignInFailure.id.in_([attempt.id for attempt in attempts])
    with database.transaction() as session:
        database.lock(session, _SIGN_IN)
        if user is not None:
            forgiven = own | (SignInFailure.subject == account)
            session.execute(delete(SignInFailure).where(forgiven))
        else:
            session.execute(update(SignInFailure).where(own).values(under_way=False))
    if user is None:
        raise ServiceError(401, "wrong_credentials", "The e-mail address or password is wrong.")
    return user


def open_session(session: Session, user: User, seconds: float, now: float) -> str:
    """A new session token, valid for `seconds`. Sessions of the user that are over are removed."""
    session.execute(
        delete(SignInSession).where(
            SignInSession.user_id == user.id, SignInSession.expires_at <= now
        )
    )
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


def close_session(session: Session, token: str, now: float) -> None:
    """Make a session token invalid; nothing happens for any other token."""
    session.execute(
        update(SignInSession)
        .where(SignInSession.token_hash == hash_token(token), SignInSession.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def create_key(
    session: Session, user_id: str, name: str, expires_at: float | None, now: float
) -> tuple[ApiKey, str]:
    """A new API key and its token, which cannot be had again."""
    token = new_token("bk")
    key = ApiKey(
        id=new_id(),
        user_id=user_id,
        name=name,
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
    """404 `api_key_not_found` also for a foreign and for a revoked key."""
    key = session.get(ApiKey, key_id) if is_id(key_id) else None
    if key is None or key.user_id != user_id or key.revoked_at is not None:
        raise not_found("api_key")
    key.revoked_at = now


def authenticate(session: Session, token: str, now: float) -> tuple[User, ApiKey | None]:
    """The user of a session token or API key, and the key if its use is to be noted (`note_use`).

    It only reads, because every request begins with it. One 401 for unknown, revoked and expired
    credentials.
    """
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
        raise ServiceError(401, "invalid_credentials", "Sign in or send a valid API key.")
    user, credential = found
    if isinstance(credential, ApiKey) and _is_unnoted(credential, now):
        return user, credential
    return user, None


def note_use(session: Session, key: ApiKey, now: float) -> None:
    """Remember that an API key was used."""
    session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=now))


def _is_unnoted(key: ApiKey, now: float) -> bool:
    """Once a minute at most: a write for every request would cost more than the request."""
    return key.last_used_at is None or now - key.last_used_at >= _KEY_USE_RESOLUTION_SECONDS


def _normal(email: str) -> str:
    return email.strip().lower()


def _refuse_too_many(
    session: Session, allowed: dict[str, int], window_seconds: float, now: float
) -> None:
    """429 if a subject has had all attempts that are `allowed` to it."""
    session.execute(delete(SignInFailure).where(SignInFailure.at <= now - window_seconds))
    failed = case((not_(SignInFailure.under_way), SignInFailure.at))
    counts = session.execute(
        select(SignInFailure.subject, func.count(), func.count(failed), func.min(failed))
        .where(SignInFailure.subject.in_(allowed))
        .group_by(SignInFailure.subject)
    )
    waits = [
        # Attempts under way are soon decided, and forgotten if they succeed.
        first + window_seconds - now if failures >= allowed[subject] else _UNDER_WAY_SECONDS
        for subject, attempts, failures, first in counts
        if attempts >= allowed[subject]
    ]
    if waits:
        seconds = max(1, math.ceil(max(waits)))
        raise ServiceError(
            429,
            "too_many_attempts",
            f"Too many sign-ins that failed or are under way. Try again in {seconds} seconds.",
            retry_after=seconds,
        )


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerificationError:
        return False


@cache
def _nobody() -> str:
    return _hasher.hash("")
