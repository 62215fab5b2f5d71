"""Limits on attempts to sign in and sign up, by account and by address.

Attempts older than the window do not count; `maintenance.retention` removes them.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import case, delete, func, not_, select, update
from sqlalchemy.orm import Session

from serve_app.db.engine import Database
from serve_app.db.models import AuthAttempt
from serve_app.errors import ApiError
from serve_app.ids import hash_token

_LOCK = "sign-in"
_UNDER_WAY_SECONDS = 1
_IPV6_NETWORK = 64
"""Length of the IPv6 prefix that a provider gives to one customer."""


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """Bounds within `window_seconds`: `attempts` failed sign-ins of one account; ten times as many
    from one address, which an office may share; and as many sign-ups from one address."""

    attempts: int
    window_seconds: float

    @property
    def attempts_from_address(self) -> int:
        return 10 * self.attempts


def account_subject(email: str) -> str:
    return hash_token(f"account:{email}")


def address_subject(address: str) -> str:
    return hash_token(f"address:{_network(address)}")


def sign_up_subject(address: str) -> str:
    return hash_token(f"sign-up:{_network(address)}")


def begin(
    database: Database, allowed: Mapping[str, int], window_seconds: float, now: float
) -> list[int]:
    """Counts an attempt for each subject in `allowed`, which maps it to its bound within the
    window; returns the ids of the attempts. Raises ApiError 429 `too_many_attempts` and counts
    nothing where a bound is reached.

    It runs in a transaction of its own, so that errors and concurrent attempts cannot evade the
    count.
    """
    with database.transaction() as session:
        database.lock(session, _LOCK)
        _refuse_too_many(session, allowed, window_seconds, now)
        attempts = [AuthAttempt(subject=subject, at=now) for subject in allowed]
        session.add_all(attempts)
        session.flush()
        return [attempt.id for attempt in attempts]


def record_failure(database: Database, attempts: list[int]) -> None:
    """The attempts have failed and stay counted."""
    with database.transaction() as session:
        database.lock(session, _LOCK)
        own = AuthAttempt.id.in_(attempts)
        session.execute(update(AuthAttempt).where(own).values(under_way=False))


def clear(database: Database, attempts: list[int], subject: str) -> None:
    """The attempts have succeeded: removes them and all other attempts of the subject."""
    with database.transaction() as session:
        database.lock(session, _LOCK)
        cleared = AuthAttempt.id.in_(attempts) | (AuthAttempt.subject == subject)
        session.execute(delete(AuthAttempt).where(cleared))


def _network(address: str) -> str:
    """The subject of an address: for IPv6 its network, because a customer has a whole one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))


def _refuse_too_many(
    session: Session, allowed: Mapping[str, int], window_seconds: float, now: float
) -> None:
    decided = case((not_(AuthAttempt.under_way), AuthAttempt.at))
    counts = session.execute(
        select(AuthAttempt.subject, func.count(), func.count(decided), func.min(decided))
        .where(AuthAttempt.subject.in_(allowed), AuthAttempt.at > now - window_seconds)
        .group_by(AuthAttempt.subject)
    )
    waits = [
        # An attempt under way ends within about a second, and is removed if it succeeds.
        first + window_seconds - now if failures >= allowed[subject] else _UNDER_WAY_SECONDS
        for subject, attempts, failures, first in counts
        if attempts >= allowed[subject]
    ]
    if waits:
        seconds = max(1, math.ceil(max(waits)))
        raise ApiError(
            429,
            "too_many_attempts",
            f"Too many attempts that failed or are under way. Try again in {seconds} seconds.",
            retry_after=seconds,
        )
