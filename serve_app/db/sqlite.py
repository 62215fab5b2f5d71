"""SQLite: its connections, and how its transactions begin."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

BUSY_SECONDS = 30
"""Longest wait for the lock to write."""
_LOOK_SECONDS = 0.002
"""Between two looks whether it is free."""


def create(url: URL, connections: int) -> Engine:
    """An engine with so many connections. Raises ValueError where the URL names no file."""
    if not url.database or url.database == ":memory:":
        raise ValueError("the SQLite database must be a file: sqlite:///<path>")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        # Errors are logged, and would quote what people sent.
        hide_parameters=True,
        # The driver begins no transactions of its own: `_Beginning` does.
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _Beginning())
    return engine


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


class _Beginning:
    """Begins the transactions of one engine on SQLite.

    A transaction that reads first and writes later would fail where another wrote in between; one
    that takes the write lock at once waits for it instead. SQLite asks for the lock at intervals
    that grow to 100 ms, in which others come first. Here one thread of a process asks, at short
    intervals, and the others wait for it.
    """

    def __init__(self) -> None:
        self._door = threading.Lock()

    def __call__(self, connection: Connection) -> None:
        reads = connection.get_execution_options().get("sqlite_readonly", False)
        if connection.info.get("query_only") is not reads:
            connection.exec_driver_sql(f"PRAGMA query_only = {int(reads)}")
            connection.info["query_only"] = reads
        if reads:
            connection.exec_driver_sql("BEGIN")
            return
        try:
            self._take_lock(connection.connection.driver_connection)
        except sqlite3.OperationalError as error:
            raise OperationalError("BEGIN IMMEDIATE", None, error) from error

    def _take_lock(self, connection: Any) -> None:
        deadline = time.monotonic() + BUSY_SECONDS
        if not self._door.acquire(timeout=BUSY_SECONDS):
            raise sqlite3.OperationalError("database is locked")
        try:
            connection.execute("PRAGMA busy_timeout = 0")
            while not _has_begun(connection, deadline):
                time.sleep(_LOOK_SECONDS)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1_000)}")
            self._door.release()


def _has_begun(connection: sqlite3.Connection, deadline: float) -> bool:
    """Whether the lock is taken. Raises OperationalError, after the deadline also where it is not
    free."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
            raise
        return False
    return True
