"""Blocks of audio over TCP between processes: who sends waits for who reads.

Each frame is four bytes of length and as many of audio. The empty frame says that this was all; a
connection that ends without it has broken.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress

from serve_app.endings import end

Blocks = AsyncGenerator[bytes, None]
Answer = Callable[[list[str], asyncio.StreamWriter], Awaitable[None]]

FRAME_BYTES = 64 * 1024
REQUEST_BYTES = 200
"""Most of the line with which a reader begins."""
_SIZE = struct.Struct(">I")
_SILENCE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A sender whose machine is gone without a word is noticed within half a minute."""
_CONNECT_SECONDS = 2.0
_ASKING_SECONDS = 5.0


class BrokenOff(Exception):
    """What is sent has ended before its end."""


async def serve(answer: Answer, host: str) -> tuple[asyncio.Server, str]:
    """A server whose `answer` is called with the line of each reader, and cancelled where that one
    leaves; and its address. Raises OSError."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # What lies between sender and reader is to stay small.
            _bound(writer, socket.SO_SNDBUF)
            async with asyncio.timeout(_ASKING_SECONDS):
                line = await reader.readuntil(b"\n")
            await _while_there(answer(line.decode().split(), writer), reader)
        except (BrokenOff, OSError, ValueError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass  # the reader sees the connection end
        finally:
            writer.close()

    server = await asyncio.start_server(connected, host, 0, limit=REQUEST_BYTES)
    return server, f"{host}:{server.sockets[0].getsockname()[1]}"


async def _while_there(answer: Awaitable[None], reader: asyncio.StreamReader) -> None:
    """Readers say nothing after their line: what comes next is the end of the connection."""
    answering = asyncio.ensure_future(answer)
    leaving = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()
    finally:
        await end([answering, leaving])


async def send(blocks: Blocks, writer: asyncio.StreamWriter, patience: float | None = None) -> None:
    """Sends all blocks. Raises what the blocks raise, OSError where the connection breaks, and
    TimeoutError where the reader takes nothing for so many seconds."""
    async with aclosing(blocks):
        async for block in blocks:
            for at in range(0, len(block), FRAME_BYTES):
                frame = block[at : at + FRAME_BYTES]
                writer.write(_SIZE.pack(len(frame)) + frame)
                async with asyncio.timeout(patience):
                    await writer.drain()
    writer.write(_SIZE.pack(0))
    async with asyncio.timeout(patience):
        await writer.drain()


async def read(address: str, *request: str) -> Blocks:
    """The blocks that a server at `host:port` sends to this request. Raises BrokenOff."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, int(port), limit=FRAME_BYTES)
    except (OSError, TimeoutError, ValueError) as error:
        raise BrokenOff from error
    try:
        _bound(writer, socket.SO_RCVBUF)
        _keep_alive(writer)
        writer.write(f"{' '.join(request)}\n".encode())
        while size := _SIZE.unpack(await reader.readexactly(_SIZE.size))[0]:
            if size > FRAME_BYTES:
                raise BrokenOff
            yield await reader.readexactly(size)
    except (OSError, EOFError) as error:
        raise BrokenOff from error
    finally:
        with suppress(OSError):
            writer.close()


def _bound(writer: asyncio.StreamWriter, buffer: int) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, buffer, FRAME_BYTES)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SILENCE.items():
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
