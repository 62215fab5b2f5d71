from __future__ import annotations

import statistics
import threading
import time

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import OperationalError

from serve_app.db import sqlite
from serve_app.db.engine import Database
from serve_app.db.models import User
from tests.serve_app.actions import concurrently, make_user

HELD_SECONDS = 0.34
"""SQLite by itself would look again 88 ms after the end of this."""


def test_a_writer_comes_soon_after_the_one_before(sqlite_database: Database) -> None:
    assert statistics.median(_waited(sqlite_database) for _ in range(3)) < 0.05


def test_a_lock_that_stays_is_an_error_for_all_who_wait(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    other = Database(str(sqlite_database.engine.url))

    def write(_: int) -> str:
        try:
            with other.transaction() as session:
                other.now(session)
        except OperationalError as error:
            return str(error.orig)
        return ""

    with sqlite_database.transaction() as session:
        sqlite_database.now(session)
        began = time.monotonic()
        assert concurrently(3, write) == ["database is locked"] * 3
        assert time.monotonic() - began < 5
    assert write(0) == ""
    other.dispose()


def test_a_connection_that_read_may_write_later(sqlite_database: Database) -> None:
    one = Database(str(sqlite_database.engine.url), connections=1)
    for number in range(2):
        with one.reading() as session:
            one.now(session)
        make_user(one, f"user{number}")
    with pytest.raises(OperationalError), one.reading() as session:
        session.execute(delete(User))
    one.dispose()


def _waited(database: Database) -> float:
    """Seconds from the end of a transaction to the beginning of one that waited for it."""
    began, ended = threading.Event(), 0.0

    def hold() -> None:
        nonlocal ended
        with database.transaction() as session:
            database.now(session)
            began.set()
            time.sleep(HELD_SECONDS)
        ended = time.monotonic()

    holder = threading.Thread(target=hold)
    holder.start()
    began.wait()
    with database.transaction() as session:
        database.now(session)
        gone = time.monotonic()
    holder.join()
    return gone - ended
