"""Which errors of the database pass: the same transaction may succeed later."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

UNAVAILABLE = (OperationalError, InterfaceError, NoFreeConnection)
"""A server that is away, restarting or full; a lock or a statement that took too long; no
connection free."""
_LOCK_NOT_AVAILABLE = "55P03"
"""SQLSTATE of PostgreSQL where `lock_timeout` is over."""


def is_unavailable(error: BaseException) -> bool:
    """Whether the database may do later what it has not done now."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, UNAVAILABLE)


def is_locked(error: BaseException) -> bool:
    """Whether another transaction held a row for too long."""
    return (
        isinstance(error, OperationalError)
        and getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE
    )
