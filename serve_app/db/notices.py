"""Notices between processes: whoever waits for something in the database is told when it changes.

A transaction names topics (`tell`), and all processes that watch one of them are told once it is
committed. On PostgreSQL that is LISTEN and NOTIFY, with one connection for each process. An SQLite
file has its processes on one machine: each of them has a Unix socket in a folder that belongs to
the file. A notice says that there is something to look at, and nothing more. It may be lost (a
connection breaks, a socket is full), so whoever watches also looks now and then without one.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import os
import selectors
import socket
import stat
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

logger = logging.getLogger("bernie.notices")

LINE = "line"
"""There is a clip that may be started, or one may be started earlier than was planned."""
CANCELLED = "cancelled"
"""Some clip was cancelled."""

_TOLD = "bernie_notices"
_CHANNEL = "bernie"
_NOTIFY = text(
    "SELECT pg_notify(:channel, topic) FROM unnest(CAST(:topics AS text[])) AS topic"
).bindparams(channel=_CHANNEL)
_DATAGRAM_BYTES = 4096
_SEND_SECONDS = 0.05
"""Longest wait for a process whose socket is full."""
_RETRY_SECONDS = 1.0
_ECHO_SECONDS = 2.0
"""A notice that takes longer to come back is not expected to."""


def tell(session: Session, *topics: str) -> None:
    """Tells of these topics when the transaction is committed."""
    session.info.setdefault(_TOLD, set()).update(topics)


def told(session: Session) -> set[str]:
    """What a transaction is going to tell of."""
    topics: set[str] = session.info.get(_TOLD, set())
    return topics


class Watch:
    """Whether one of some topics has been told of since the last wait. For one event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notice(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Waits for a notice, `seconds` at most; whether there was one. What came since the last
        wait counts: look after each wait, and nothing is missed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), max(0.0, seconds))
        heard = self._event.is_set()
        self._event.clear()
        return heard


class Incoming(Protocol):
    """What notices come in through. Both methods raise OSError, or another error of the channel,
    where it is broken."""

    def fileno(self) -> int: ...

    def receive(self) -> list[str]:
        """The topics that have come in. Called where there is something to read."""
        ...

    def close(self) -> None: ...


class Channel(Protocol):
    def listen(self) -> Incoming: ...


class Notices:
    """The notices that reach this process, through a thread that is started by the first watch."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._watching: dict[str, dict[int, Callable[[], None]]] = defaultdict(dict)
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._ears: socket.socket | None = None
        self._mouth: socket.socket | None = None
        """What is said in one ends what waits at the other."""
        self._closed = False

    @contextmanager
    def watch(self, *topics: str) -> Iterator[Watch]:
        """A watch of topics, for the running event loop."""
        watch = Watch()
        with self.calling(watch.notice, *topics):
            yield watch

    @contextmanager
    def calling(self, function: Callable[[], None], *topics: str) -> Iterator[None]:
        """Meanwhile each notice calls the function on the running event loop."""
        loop = asyncio.get_running_loop()

        def call() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(function)

        number = next(self._numbers)
        with self._lock:
            for topic in topics:
                self._watching[topic][number] = call
            self._start()
        try:
            yield
        finally:
            with self._lock:
                for topic in topics:
                    del self._watching[topic][number]
                    if not self._watching[topic]:
                        del self._watching[topic]

    def close(self) -> None:
        """Ends the thread and its connection."""
        with self._lock:
            self._closed = True
            thread, mouth, ears = self._thread, self._mouth, self._ears
            self._thread = self._mouth = None
        if thread is not None and mouth is not None and ears is not None:
            mouth.send(b"\0")
            thread.join(5)
            mouth.close()
            ears.close()

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._ears, self._mouth = socket.socketpair()
            self._thread = threading.Thread(
                target=self._run, args=[self._ears], name="notices", daemon=True
            )
            self._thread.start()

    def _run(self, ears: socket.socket) -> None:
        while not self._closed:
            try:
                with closing(self._channel.listen()) as incoming:
                    self._deliver(None)  # what was told of before is to be looked at, too
                    self._pump(incoming, ears)
            except Exception as error:  # noqa: BLE001 - of whatever kind: it is begun anew
                logger.info("notices cannot be had (%s)", type(error).__name__)
                _is_readable(ears, _RETRY_SECONDS)

    def _pump(self, incoming: Incoming, ears: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(incoming.fileno(), selectors.EVENT_READ)
            selector.register(ears, selectors.EVENT_READ)
            while not self._closed:
                selector.select()
                if not self._closed:
                    self._deliver(incoming.receive())

    def _deliver(self, topics: Iterable[str] | None) -> None:
        """To those who watch the topics, or to all."""
        with self._lock:
            names = list(self._watching) if topics is None else topics
            calls = [
                call
                for topic in names
                if topic in self._watching
                for call in self._watching[topic].values()
            ]
        for call in calls:
            call()


def _is_readable(source: socket.socket | int, seconds: float) -> bool:
    """Waits for something to read, so many seconds at most."""
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        return bool(selector.select(seconds))


class PostgresChannel:
    """LISTEN and NOTIFY."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._warned = False

    def send(self, session: Session) -> None:
        """Before the commit: the notices are a part of the transaction."""
        if topics := told(session):
            session.execute(_NOTIFY, {"topics": sorted(topics)})

    def listen(self) -> Incoming:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()  # it counts among the pool's no more
        connection.autocommit = True
        connection.execute(f"LISTEN {_CHANNEL}")
        incoming = _PostgresIncoming(connection)
        if not self._warned and not self._echoes(incoming):
            self._warned = True
            logger.warning(
                "Notices of the database do not arrive: everything is looked at now and then only. "
                "The database URL must lead to PostgreSQL itself, or to a pooler of sessions."
            )
        return incoming

    def _echoes(self, incoming: Incoming) -> bool:
        """Whether something told comes back. Nobody watches this topic."""
        with self._engine.begin() as connection:
            connection.execute(_NOTIFY, {"topics": ["echo"]})
        return _is_readable(incoming.fileno(), _ECHO_SECONDS) and bool(incoming.receive())


class _PostgresIncoming:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def fileno(self) -> int:
        return int(self._connection.fileno())

    def receive(self) -> list[str]:
        pgconn = self._connection.pgconn
        pgconn.consume_input()
        notices = iter(pgconn.notifies, None)
        return [notice.extra.decode() for notice in notices]

    def close(self) -> None:
        self._connection.close()


class SocketChannel:
    """Datagrams between the processes that use one file."""

    _numbers = itertools.count()

    def __init__(self, file: Path) -> None:
        # Paths of sockets may have about 100 bytes, so they cannot lie beside the file.
        digest = hashlib.sha256(os.fsencode(file.absolute())).hexdigest()[:16]
        self._folder = Path(tempfile.gettempdir()) / f"bernie-notices-{os.getuid()}-{digest}"

    def send(self, session: Session) -> None:
        """After the commit."""
        if not (topics := told(session)):
            return
        try:
            self._send(sorted(topics))
        except FileNotFoundError:
            return  # nobody listens
        except OSError as error:
            # What is committed is not to look as if it were not.
            logger.info("a notice was not sent (%s)", type(error).__name__)

    def _send(self, topics: list[str]) -> None:
        self._check_owner()
        there = list(self._folder.iterdir())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_SEND_SECONDS)
            for datagram in _datagrams(topics):
                for place in there:
                    self._send_to(sender, place, datagram)

    def _send_to(self, sender: socket.socket, place: Path, datagram: bytes) -> None:
        try:
            sender.sendto(datagram, str(place))
        except ConnectionRefusedError:
            place.unlink(missing_ok=True)  # of a process that was killed
        except OSError:
            logger.debug("a notice was not taken", exc_info=True)

    def listen(self) -> Incoming:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._check_owner()
        return _SocketIncoming(self._folder / f"{os.getpid()}-{next(self._numbers)}")

    def _check_owner(self) -> None:
        found = self._folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{self._folder} belongs to somebody else")


class _SocketIncoming:
    def __init__(self, place: Path) -> None:
        self._place = place
        place.unlink(missing_ok=True)  # of an earlier process with this number
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(place))

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> list[str]:
        return self._socket.recv(_DATAGRAM_BYTES).decode().split("\n")

    def close(self) -> None:
        self._socket.close()
        self._place.unlink(missing_ok=True)
        with suppress(OSError):
            self._place.parent.rmdir()  # the last one clears up


def _datagrams(topics: list[str]) -> Iterator[bytes]:
    rest = topics
    while rest:
        yield "\n".join(rest[:64]).encode()
        rest = rest[64:]
