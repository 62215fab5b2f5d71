"""A connection whose client reads nothing of what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest
from fastapi import WebSocket
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from serve_app.errors import ApiError
from serve_app.http.socket_window import ACKNOWLEDGES, WINDOW, Acknowledging
from serve_app.routes.elevenlabs import text_speaker
from serve_app.routes.elevenlabs.text_speaker import MAX_AHEAD, Line

BLOCK = {"audio": "a" * (WINDOW // 8)}


class Socket:
    """The application's end, behind a proxy whose client takes `room` messages."""

    def __init__(self) -> None:
        self.headers = {ACKNOWLEDGES: "1"}
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.room = asyncio.Semaphore(0)
        self.kept: list[asyncio.Task[None]] = []
        self.proxy = Acknowledging(self.messages.get, self._take)
        self.receive = self.proxy.receive

    async def _take(self, _message: Message) -> None:
        await self.room.acquire()

    async def send_text(self, text: str) -> None:
        """Serve takes in whatever is sent."""
        message = {"type": "websocket.send", "text": text}
        self.kept.append(asyncio.create_task(self.proxy.send(message)))

    def says(self, text: str) -> None:
        self.messages.put_nowait({"type": "websocket.receive", "text": text})


def run(go: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await go

    asyncio.run(bounded())


def line_to(socket: Socket) -> Line:
    nothing = cast(Any, None)
    return Line(cast(WebSocket, socket), nothing, nothing, "af_heart", nothing)


async def flood(line: Line) -> None:
    while True:
        await line.send(BLOCK)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_line_sends_no_more_than_the_window_to_a_client_that_does_not_read() -> None:
    async def go() -> None:
        socket = Socket()
        line = line_to(socket)
        flooding = asyncio.create_task(flood(line))
        await settled()
        assert len(socket.kept) == 8
        for text in "abc":
            socket.says(text)
        await settled()
        assert len(socket.kept) == 8, "what the client says is no acknowledgement"
        for _ in range(4):
            socket.room.release()
        await settled()
        assert len(socket.kept) == 12, "an acknowledgement is found behind unread messages"
        assert [(await line.receive())["text"] for _ in range(3)] == list("abc")
        flooding.cancel()
        await line.leave()

    run(go())


@pytest.mark.parametrize(("messages", "characters"), [(MAX_AHEAD + 1, 4), (3, WINDOW // 2)])
def test_line_ends_where_the_client_only_sends(messages: int, characters: int) -> None:
    async def go() -> None:
        socket = Socket()
        line = line_to(socket)
        flooding = asyncio.create_task(flood(line))
        for _ in range(messages):
            socket.says("m" * characters)
        with pytest.raises(ApiError, match="nothing of the audio is read"):
            await flooding
        await line.leave()

    run(go())


def test_line_ends_where_the_client_is_silent_and_reads_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_speaker, "PATIENCE_SECONDS", 0.05)

    async def go() -> None:
        line = line_to(Socket())
        with pytest.raises(ApiError, match="Nothing of the audio was read"):
            await flood(line)
        await line.leave()

    run(go())


def test_line_reads_one_message_ahead_while_the_window_is_open() -> None:
    async def go() -> None:
        socket = Socket()
        line = line_to(socket)
        for text in "abc":
            socket.says(text)
        await settled()
        assert socket.messages.qsize() == 2
        assert (await line.receive())["text"] == "a"
        await line.leave()

    run(go())


def test_line_gives_what_came_before_the_client_went() -> None:
    async def go() -> None:
        socket = Socket()
        line = line_to(socket)
        socket.says("last")
        socket.messages.put_nowait({"type": "websocket.disconnect", "code": 1006})
        assert (await line.receive())["text"] == "last"
        with pytest.raises(WebSocketDisconnect):
            await line.receive()
        await line.leave()

    run(go())
