"""A proxy in front of an S3 server that fails on request.

It passes bytes on as they are, the `Host` that clients sign among them, so that signatures made for
the address of the proxy hold at the server. Every connection carries one request, so that a fault
meets a request and not whatever comes after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import random
import threading
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
_BLOCK = 64 * 1024
_WRITES = (b"PUT", b"POST")
_SLOW_SECONDS = 3.0
_REFUSAL = (
    "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n"
    "Connection: close\r\n\r\n{body}"
)


class Fault(enum.StrEnum):
    """What the store does to a request."""

    UNAVAILABLE = "answers 503"
    SILENT = "does not answer"
    CUT = "cuts connections while they send"
    DEAF = "does what it is asked and loses the answer"
    FULL = "has no space left"
    SLOW = "answers late"


_ANSWERS = {
    Fault.UNAVAILABLE: ("503 Slow Down", "SlowDown"),
    Fault.FULL: ("507 Insufficient Storage", "InsufficientStorage"),
}


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """A fault that meets each request with a probability of `share`."""

    fault: Fault
    share: float = 1.0


class FaultProxy:
    """Runs on a thread of its own. Which requests a fault meets is decided by the seed and their
    order."""

    def __init__(self, upstream: str, seed: int = 0) -> None:
        """`upstream` is the URL of the server, `http://host:port`."""
        self.upstream = upstream
        self.active_fault: ActiveFault | None = None
        """The fault there is now, if any. May be set from any thread."""
        self.met: Counter[Fault] = Counter()
        """How many requests met each fault."""
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault proxy")
        self._listening = threading.Event()
        self._ended = asyncio.Event()
        self._exchanges: set[asyncio.Task[None]] = set()
        """The event loop holds tasks weakly."""
        self._port = 0

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._accept, HOST, 0, limit=_BLOCK)
        self._port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._ended.wait()
        server.close()
        for exchange in self._exchanges:
            exchange.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchange = asyncio.create_task(self._serve(reader, writer))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._exchanges.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            fault = self._drawn(head)
            if fault in _ANSWERS:
                await _refuse(reader, writer, fault)
            elif fault is Fault.SILENT:
                while self.active_fault is not None and self.active_fault.fault is Fault.SILENT:
                    await asyncio.sleep(0.1)
            else:
                if fault is Fault.SLOW:
                    await asyncio.sleep(_SLOW_SECONDS)
                await self._pass_on(head, reader, writer, fault)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, _Cut):
            await _end(writer, abruptly=True)
        except asyncio.CancelledError:
            await _end(writer, abruptly=True)
            raise
        else:
            await _end(writer, abruptly=False)

    def _drawn(self, head: bytes) -> Fault | None:
        """The fault that meets this request."""
        trouble = self.active_fault
        if trouble is None or self._random.random() >= trouble.share:
            return None
        writes = head.partition(b" ")[0] in _WRITES
        if trouble.fault in (Fault.FULL, Fault.CUT) and not writes:
            return None
        self.met[trouble.fault] += 1
        return trouble.fault

    async def _pass_on(
        self,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        fault: Fault | None,
    ) -> None:
        address = self.upstream.removeprefix("http://").partition(":")
        there, back = await asyncio.open_connection(address[0], int(address[2]), limit=_BLOCK)
        first, rest = head.split(b"\r\n", 1)
        back.write(first + b"\r\nConnection: close\r\n" + _without_connection(rest))
        sent_at_most = self._random.randrange(_BLOCK) if fault is Fault.CUT else None
        sending = asyncio.create_task(_copy(reader, back, sent_at_most))
        answering = asyncio.create_task(_copy(there, None if fault is Fault.DEAF else writer))
        try:
            # The answer ends the exchange: the client may keep its own side open.
            done, _ = await asyncio.wait([sending, answering], return_when=asyncio.FIRST_COMPLETED)
            if sending in done:
                sending.result()
            await answering
            if fault is Fault.DEAF:
                raise _Cut
        finally:
            for task in (sending, answering):
                task.cancel()
            await asyncio.gather(sending, answering, return_exceptions=True)
            await _end(back, abruptly=True)


class _Cut(Exception):
    """The connection ends here."""


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None, at_most: int | None = None
) -> None:
    """Until the end, or until so many bytes have passed: then raises _Cut. Without a writer what is
    read is dropped."""
    passed = 0
    while block := await reader.read(_BLOCK):
        if at_most is not None and passed + len(block) > at_most:
            raise _Cut
        passed += len(block)
        if writer is not None:
            writer.write(block)
            await writer.drain()


async def _end(writer: asyncio.StreamWriter, abruptly: bool) -> None:
    if abruptly:
        writer.transport.abort()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault) -> None:
    status, code = _ANSWERS[fault]
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{fault}</Message></Error>"
    writer.write(_REFUSAL.format(status=status, length=len(body), body=body).encode())
    await writer.drain()
    # To close with unread bytes would reset the connection before the answer is read.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            while await reader.read(_BLOCK):
                pass


def _without_connection(headers: bytes) -> bytes:
    lines = headers.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.lower().startswith(b"connection:"))
