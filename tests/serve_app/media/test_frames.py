"""Frames over real sockets on one event loop."""

from __future__ import annotations

import asyncio
import socket

import pytest

from serve_app.media import frames
from serve_app.media.frames import BrokenOff


def test_answer_ends_when_its_reader_leaves() -> None:
    """Though there is nothing to send that would find the connection broken."""

    async def go() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def answer(_: list[str], __: asyncio.StreamWriter) -> None:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                ended.set()

        server, address = await frames.serve(answer, "127.0.0.1")
        reading = asyncio.ensure_future(anext(frames.read(address, "all")))
        async with asyncio.timeout(10):
            await begun.wait()
            reading.cancel()
            await ended.wait()
        server.close()

    asyncio.run(go())


@pytest.mark.parametrize("sent", [b"\xff\xff\xff\xff" + bytes(100), b"\0\1\0\1" + bytes(65537)])
def test_read_takes_no_frame_that_is_too_large(sent: bytes) -> None:
    async def go() -> None:
        async def answer(_: list[str], writer: asyncio.StreamWriter) -> None:
            writer.write(sent)
            await asyncio.Event().wait()

        server, address = await frames.serve(answer, "127.0.0.1")
        async with asyncio.timeout(10):
            with pytest.raises(BrokenOff):
                await anext(frames.read(address, "all"))
        server.close()

    asyncio.run(go())


def test_read_asks_whether_a_silent_sender_is_there_still(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    connect = asyncio.open_connection

    async def noted(*where: object, **limits: int) -> object:
        reader, writer = await connect(*where, **limits)  # type: ignore[arg-type]
        connections.append(writer.get_extra_info("socket"))
        return reader, writer

    connections: list[socket.socket] = []

    async def go() -> None:
        async def answer(_: list[str], writer: asyncio.StreamWriter) -> None:
            writer.write(b"\0\0\0\1a")
            await asyncio.Event().wait()

        server, address = await frames.serve(answer, "127.0.0.1")
        monkeypatch.setattr(asyncio, "open_connection", noted)
        blocks = frames.read(address, "all")
        assert await anext(blocks) == b"a"
        (connection,) = connections
        found.append(connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
        await blocks.aclose()
        server.close()

    asyncio.run(go())
    assert found == [1, 10]
