"""How much may be under way to the client of a WebSocket.

Serve takes in whatever the application sends and keeps it until the client has read it. So the
proxy (`deployments.proxy_middleware`) acknowledges what it has passed on, in messages among those
of the client, and the application sends no more than a window beyond that.
"""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Send

ACKNOWLEDGES = "x-bernie-acknowledges"
"""Header of a WebSocket whose proxy acknowledges."""
WINDOW = 1024 * 1024
"""Characters or bytes that were sent and not acknowledged, at most, and one message more."""
_EVERY = WINDOW // 4
_MARK = b"bernie acknowledges "


class Acknowledging:
    """The proxy's side: passes on the messages of both, and acknowledges those to the client."""

    def __init__(self, receive: Receive, send: Send) -> None:
        """`send` returns once the client has room."""
        self._receive, self._send = receive, send
        self._passed_on = 0
        self._due = asyncio.Event()
        self._coming: asyncio.Future[Message] | None = None

    async def send(self, message: Message) -> None:
        await self._send(message)
        self._passed_on += size(message)
        if self._passed_on >= _EVERY:
            self._due.set()

    async def receive(self) -> Message:
        """An acknowledgement that is due, or else the next message of the client."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._receive())
        due = asyncio.create_task(self._due.wait())
        try:
            await asyncio.wait((self._coming, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            due.cancel()
        if self._due.is_set():
            self._due.clear()
            passed_on, self._passed_on = self._passed_on, 0
            return {"type": "websocket.receive", "bytes": _MARK + b"%d" % passed_on}
        message = self._coming.result()
        self._coming = None
        return _unmarked(message)

    def close(self) -> None:
        if self._coming is not None:
            self._coming.cancel()


class SocketWindow:
    """The application's side: whether more may be sent."""

    def __init__(self, acknowledged: bool) -> None:
        """Without acknowledgements the window is always open."""
        self._acknowledged = acknowledged
        self._under_way = 0

    @property
    def is_open(self) -> bool:
        return not self._acknowledged or self._under_way < WINDOW

    def sent(self, characters: int) -> None:
        self._under_way += characters

    def took(self, message: Message) -> bool:
        """Whether a message is an acknowledgement. It then counts."""
        given = message.get("bytes") or b""
        if not self._acknowledged or not given.startswith(_MARK):
            return False
        self._under_way -= int(given.removeprefix(_MARK))
        return True


def size(message: Message) -> int:
    """Characters or bytes of the content of a message."""
    return len(message.get("text") or message.get("bytes") or "")


def _unmarked(message: Message) -> Message:
    """A client cannot acknowledge."""
    forged = (message.get("bytes") or b"").startswith(_MARK)
    return {**message, "bytes": b""} if forged else message
