"""Users and their passwords: sign-up and sign-in."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serve_app.accounts import credentials, credits, sign_in_limits
from serve_app.accounts.sign_in_limits import SignInLimits
from serve_app.db.engine import Database
from serve_app.db.models import User
from serve_app.errors import ApiError, not_found
from serve_app.field_rules import EMAIL_LENGTH, EMAIL_SHAPE, PASSWORD_LENGTH, require
from serve_app.ids import new_id

# RFC 9106 argon2id with OWASP's smaller memory: 19 MiB each, so that many sign-ins at once fit.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def new_user(email: str, password: str, now: float) -> User:
    """A user to pass to `sign_up`. Raises ApiError 422 for an e-mail address or password that could
    never sign in. Hashing is slow, so call it outside of transactions."""
    email = _normalized(email)
    require("email", email, EMAIL_LENGTH, EMAIL_SHAPE)
    return User(id=new_id(), email=email, password_hash=_hashed(password), created_at=now)


def sign_up(session: Session, user: User, amount: int, now: float) -> None:
    """Adds a new user with `amount` credits. Raises ApiError 409 `email_taken`."""
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise ApiError(
            409, "email_taken", "There is an account with this e-mail address.", "email"
        ) from None
    credits.sign_up_bonus(session, user, amount, now)


def set_password(session: Session, user: User, password: str, now: float) -> None:
    """Sets another password and ends all sessions. Raises ApiError 422 for an unusable one."""
    user.password_hash = _hashed(password)
    session.add(user)
    credentials.end_sessions(session, user.id, now)


def by_email(session: Session, email: str) -> User:
    """Raises ApiError 404 `user_not_found`."""
    user = session.scalars(select(User).where(User.email == _normalized(email))).one_or_none()
    if user is None:
        raise not_found("user")
    return user


def list_users(session: Session) -> list[User]:
    """All users, oldest first."""
    return list(session.scalars(select(User).order_by(User.created_at, User.id)))


def sign_in(
    database: Database, email: str, password: str, address: str, limits: SignInLimits, now: float
) -> User:
    """The user with this e-mail address and password. Raises ApiError 401 `wrong_credentials`, 429
    `too_many_attempts`.

    It takes the database instead of a session: the attempt is counted as failed, in its own
    transaction, before the password is checked, and cleared on success. The slow hash runs outside
    of transactions.
    """
    email = _normalized(email)
    account = sign_in_limits.account_subject(email)
    allowed = {
        account: limits.attempts,
        sign_in_limits.address_subject(address): limits.attempts_from_address,
    }
    begun = sign_in_limits.begin(database, allowed, limits.window_seconds, now)
    with database.reading() as session:
        user = session.scalars(select(User).where(User.email == email)).one_or_none()
    # An unknown e-mail costs the same time as a wrong password.
    right = _matches(user.password_hash if user else _dummy_hash(), password)
    if user is None or not right:
        sign_in_limits.record_failure(database, begun)
        raise ApiError(401, "wrong_credentials", "The e-mail address or password is wrong.")
    sign_in_limits.clear(database, begun, account)
    return user


def count_sign_up(database: Database, address: str, limits: SignInLimits, now: float) -> None:
    """Raises ApiError 429 `too_many_attempts` after too many sign-ups from one address. Sign-up
    cannot hide that an e-mail address is taken; the limit keeps anybody from asking for long."""
    allowed = {sign_in_limits.sign_up_subject(address): limits.attempts_from_address}
    begun = sign_in_limits.begin(database, allowed, limits.window_seconds, now)
    sign_in_limits.record_failure(database, begun)


def _hashed(password: str) -> str:
    require("password", password, PASSWORD_LENGTH)
    return _hasher.hash(password)


def _normalized(email: str) -> str:
    return email.strip().lower()


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerificationError:
        return False


@cache
def _dummy_hash() -> str:
    return _hasher.hash("")
