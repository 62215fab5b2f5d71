"""Notices: what is committed is told of, in other processes too, and after a broken connection."""

from __future__ import annotations

import asyncio
import errno
import logging
import os

import pytest

from serve_app.db import notices
from serve_app.db.engine import Database
from tests.serve_app.actions import delete as cancel
from tests.serve_app.actions import make_user, must_claim, submit

SECONDS = 10


def tell(database: Database, *topics: str) -> None:
    with database.transaction() as session:
        notices.tell(session, *topics)


def fail_after_telling(database: Database, topic: str) -> None:
    with database.transaction() as session:
        notices.tell(session, topic)
        raise ZeroDivisionError


async def told(database: Database, watch: notices.Watch, topic: str) -> None:
    """Returns once notices arrive: the watch may have begun before its process listened."""
    async with asyncio.timeout(SECONDS):
        while not await watch.wait(0.1):
            await asyncio.to_thread(tell, database, topic)
    await watch.wait(0.1)


def test_watch_is_told_of_its_topics_once_they_are_committed(database: Database) -> None:
    async def go() -> None:
        with database.notices.watch("a", "b") as watch:
            await told(database, watch, "a")
            tell(database, "c")
            assert not await watch.wait(0.1)
            with pytest.raises(ZeroDivisionError):
                fail_after_telling(database, "b")
            assert not await watch.wait(0.1)
            tell(database, "b", *(f"other {number}" for number in range(200)))
            assert await watch.wait(SECONDS)
            assert not await watch.wait(0), "a notice is taken once"

    asyncio.run(go())


def test_watch_is_told_by_whoever_uses_the_database(database: Database) -> None:
    """Another one has connections and sockets of its own, as in another process."""
    other = Database(database.engine.url.render_as_string(hide_password=False))

    async def go() -> None:
        with database.notices.watch("a") as watch:
            await told(other, watch, "a")

    asyncio.run(go())
    other.dispose()


def test_transaction_is_committed_though_nobody_can_be_told(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process has no descriptor left, or the folder of the sockets is somebody else's."""

    caplog.set_level(logging.INFO, "bernie.notices")
    another = os.getuid() + 1

    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    async def go() -> None:
        with sqlite_database.notices.watch("a") as watch:
            await told(sqlite_database, watch, "a")
            with monkeypatch.context() as patch:
                patch.setattr(notices.socket, "socket", none_left)
                tell(sqlite_database, "a")
            with monkeypatch.context() as patch:
                patch.setattr(notices.os, "getuid", lambda: another)
                tell(sqlite_database, "a")
            assert not await watch.wait(0.1)

    asyncio.run(go())
    sent = [each.getMessage() for each in caplog.records if each.name == "bernie.notices"]
    assert [each for each in sent if "not sent" in each] == [
        "a notice was not sent (OSError)",
        "a notice was not sent (PermissionError)",
    ]


def test_watch_goes_on_after_a_broken_connection(postgres_database: Database) -> None:
    """All that are waited for are told, for a notice may have been lost meanwhile."""
    end_others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND query LIKE 'LISTEN%%'"
    )

    async def go() -> None:
        with postgres_database.notices.watch("a") as watch:
            await told(postgres_database, watch, "a")
            with postgres_database.engine.begin() as connection:
                assert connection.exec_driver_sql(end_others).rowcount == 1
            assert await watch.wait(SECONDS)
            await told(postgres_database, watch, "a")

    asyncio.run(go())


@pytest.mark.parametrize("heard", [True, False])
def test_notices_that_do_not_come_back_are_warned_of(
    postgres_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    heard: bool,
) -> None:
    """As behind a pooler that shares connections by transaction."""
    monkeypatch.setattr(notices, "_ECHO_SECONDS", 5.0 if heard else 0.1)
    if not heard:
        monkeypatch.setattr(notices, "_CHANNEL", "elsewhere")
    channel = notices.PostgresChannel(postgres_database.engine)
    for _ in range(2):
        channel.listen().close()
    assert caplog.text.count("do not arrive") == (0 if heard else 1)


def test_changes_of_the_queue_are_told(sqlite_database: Database) -> None:
    user = make_user(sqlite_database)

    async def go() -> None:
        with sqlite_database.notices.watch(notices.LINE) as line:
            await told(sqlite_database, line, notices.LINE)
            clip = submit(sqlite_database, user)
            assert await line.wait(SECONDS)
        watching = sqlite_database.notices.watch
        with watching(clip.id) as events, watching(notices.CANCELLED) as cancelled:
            must_claim(sqlite_database)
            assert await events.wait(SECONDS)
            assert not await cancelled.wait(0.1)
            cancel(sqlite_database, clip)
            assert await events.wait(SECONDS)
            assert await cancelled.wait(SECONDS)

    asyncio.run(go())
