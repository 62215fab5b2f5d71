"""The database: SQLite in a file or PostgreSQL, behind one class."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Float,
    cast,
    create_engine,
    event,
    extract,
    func,
    make_url,
    select,
)
from sqlalchemy.orm import Session, sessionmaker

from serve_app.db import sqlite
from serve_app.db.notices import Notices, PostgresChannel, SocketChannel

_CONNECT_SECONDS = 5
_LOCK_SECONDS = 5
"""Longest wait for a row or table that another transaction holds."""
_STATEMENT_SECONDS = 30
_IDLE_SECONDS = 60
"""Longest that a transaction may stay open without a statement: its locks hold up others."""
_POOL_SECONDS = 5
"""Longest wait for a connection. Pools are as large as there are threads, so that nobody waits."""
_LIMITS = (
    f"-c lock_timeout={_LOCK_SECONDS}s -c statement_timeout={_STATEMENT_SECONDS}s "
    f"-c idle_in_transaction_session_timeout={_IDLE_SECONDS}s"
)
_NOTICES_SILENCE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""A server that is gone without a word is noticed within half a minute instead of many."""
_CLOCK_OF_POSTGRESQL = select(cast(extract("epoch", func.clock_timestamp()), Float))


class Database:
    """One engine, short transactions, migrations, notices, and the clock that leases go by."""

    def __init__(self, where: str | Engine, connections: int = 15) -> None:
        """`where` is a URL, or an engine made of one by `create_database_engine`."""
        if isinstance(where, str):
            where = create_database_engine(where, connections)
        self.engine = where
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        self.notices = _notices(self.engine, self.sessions)
        readers = self.engine.execution_options(postgresql_readonly=True, sqlite_readonly=True)
        self._readers = sessionmaker(readers, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end of the block, or rolls back on an error.

        The first statement opens the transaction, so slow work belongs before it.
        """
        with self.sessions.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read-only session. On SQLite it neither waits for a writer nor delays one.

        A write within it raises sqlalchemy.exc.DBAPIError.
        """
        with self._readers.begin() as session:
            yield session

    def migrate(self) -> None:
        """Brings the tables to the newest revision. Concurrent processes take turns."""
        config = Config()
        config.set_main_option("script_location", "serve_app.db:migrations")
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "postgresql":
                # A migration may rewrite a large table, or wait for another that does.
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            self.lock(connection, "migrations")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def lock(self, within: Session | Connection, name: str) -> None:
        """Waits until no other transaction holds `name`, and holds it until this one ends.

        On SQLite it does nothing: its write transactions are serial.
        """
        if self.engine.dialect.name == "postgresql":
            within.execute(select(func.pg_advisory_xact_lock(zlib.crc32(name.encode()))))

    def now(self, session: Session) -> float:
        """Seconds since the epoch by the database's clock, which all workers share. The transaction
        has begun then: whatever it waited for is over."""
        if self.engine.dialect.name == "postgresql":
            return float(session.scalars(_CLOCK_OF_POSTGRESQL).one())
        session.connection()
        return time.time()  # SQLite has no clock but that of its machine

    def ping(self) -> None:
        """Raises sqlalchemy.exc.OperationalError if the database does not answer."""
        with self.reading() as session:
            session.execute(select(1))

    def dispose(self) -> None:
        """Closes all connections."""
        self.notices.close()
        self.engine.dispose()


def create_database_engine(url: str, connections: int = 15) -> Engine:
    """`url` is `sqlite:///<file>` or `postgresql://…`; anything else raises ValueError.

    `connections` is how many there may be at a time: one for each thread that uses them.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return sqlite.create(parsed, connections)
    if backend == "postgresql":
        return _postgresql(parsed, connections)
    raise ValueError(f"the database must be SQLite or PostgreSQL, not {backend}")


def _notices(engine: Engine, sessions: sessionmaker[Session]) -> Notices:
    """Whatever a transaction tells of goes out with its commit."""
    if engine.dialect.name == "postgresql":
        by_server = PostgresChannel(engine)
        event.listen(sessions, "before_commit", by_server.send)
        return Notices(by_server)
    by_socket = SocketChannel(Path(engine.url.database or ""))
    event.listen(sessions, "after_commit", by_socket.send)
    return Notices(by_socket)


def _postgresql(url: URL, connections: int) -> Engine:
    options = [_LIMITS]
    for given in url.normalized_query.get("options", ()):
        options.append(given)  # those of the URL come last, and win
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        hide_parameters=True,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "options": " ".join(options),
            **_NOTICES_SILENCE,
        },
    )
