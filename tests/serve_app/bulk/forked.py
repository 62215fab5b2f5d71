"""Processes that do what `python -m serve_app.bulk` does, forked from one that has imported it: the
import takes longer than most of what they do."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.orm import configure_mappers

from serve_app.db.engine import create_database_engine
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.waiting import until

_FORK, _REAP = "fork", "reap"


class Parent:
    """The process that has imported the module and forks."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._logs = 0

    def start(self, arguments: list[str], environment: dict[str, str], folder: Path) -> Forked:
        self._logs += 1
        log = folder / f"feeder-{self._logs}.log"
        self._pipe.send((_FORK, arguments, environment, log))
        return Forked(int(self._pipe.recv()), log, self)

    def reap(self, pid: int) -> int:
        """The exit code of a process that has ended."""
        self._pipe.send((_REAP, pid))
        return int(self._pipe.recv())


@dataclass
class Forked:
    """One process."""

    pid: int
    path: Path
    parent: Parent
    _handle: int = field(init=False)

    def __post_init__(self) -> None:
        self._handle = os.pidfd_open(self.pid)

    def send_signal(self, number: int) -> None:
        signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def log(self) -> str:
        """What it has printed."""
        return self.path.read_text() if self.path.exists() else ""

    def wait(self, seconds: float) -> tuple[int, str]:
        """Waits for its end. Returns its exit code and all that it printed."""
        ended, _, _ = select.select([self._handle], [], [], seconds)
        assert ended, f"does not end within {seconds} s:\n{self.log()}"
        os.close(self._handle)
        return self.parent.reap(self.pid), self.log()

    def until_printed(self, text: str) -> None:
        until(lambda: text in self.log(), 60, f"it prints {text!r}")


@contextmanager
def parent() -> Iterator[Parent]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_fork_when_told, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    yield Parent(ours)
    ours.close()
    process.join(10)


def _fork_when_told(pipe: Connection) -> None:
    """Ends with the other end of the pipe, and with it what still runs."""
    from serve_app.bulk import __main__ as bulk

    # What the first use of libraries loads.
    configure_mappers()
    create_database_engine("postgresql://u@127.0.0.1/none").dispose()
    keys = SecretStr("none")
    ObjectStore(Settings(s3_access_key=keys, s3_secret_key=keys))
    running: set[int] = set()
    while True:
        try:
            command, *given = pipe.recv()
        except EOFError:
            break
        if command == _REAP:
            running.discard(given[0])
            pipe.send(os.waitstatus_to_exitcode(os.waitpid(given[0], 0)[1]))
        elif (pid := os.fork()) == 0:
            pipe.close()
            _become(*given)
            sys.exit(bulk.main())
        else:
            running.add(pid)
            pipe.send(pid)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _become(arguments: list[str], environment: dict[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    output = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
