"""Audio while it is made: whoever listens is connected to the worker that makes the clip.

A worker keeps the newest part of the stream of each clip that it makes, in the layout whose bytes
never change (`pipelines.audio.appending`), and sends it over TCP to those who name the clip and
show the token of its lease, which is in the database. Any number may listen, from any time on. TCP
holds the worker back for a listener that does not read, and only for that one. A listener that
falls too far behind is cut off; the clip goes on, and the rest can be had from the store once the
clip has succeeded.

    listener: "<clip> <lease> <position>\\n"
    worker:   frames of four bytes of length and as many of audio; the empty frame says that the
              clip has succeeded and this was all of it
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import socket
import struct
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress

logger = logging.getLogger("bernie.live")

WINDOW_BYTES = 4 * 1024 * 1024
"""What is kept of a stream, for those who come later and those who are slow."""
_FRAME_BYTES = 64 * 1024
_ASKING_SECONDS = 5.0
_CONNECT_SECONDS = 2.0
_REQUEST_BYTES = 200
_SIZE = struct.Struct(">I")

Blocks = AsyncGenerator[bytes, None]


class BrokenOff(Exception):
    """The worker sends no more: the attempt has ended, or this listener was too slow."""


class LiveAudio:
    """The stream of one attempt at a clip. For use on the worker's event loop, but for `write`."""

    def __init__(self, lease: str) -> None:
        self.lease = lease
        self._new = bytearray()
        self._blocks: deque[bytes] = deque()
        self._start = self._end = 0
        self.over = self._whole = False
        self._changed = asyncio.Event()

    @property
    def kept(self) -> int:
        """Bytes that are there to be listened to."""
        return self._end - self._start

    def write(self, data: bytes) -> int:
        """Takes what is encoded, for the next `publish`. In the thread that encodes, which the loop
        waits for."""
        self._new += data
        return len(data)

    def publish(self) -> None:
        """Sends what was written."""
        if not self._new:
            return
        self._blocks.append(bytes(self._new))
        self._end += len(self._new)
        self._new.clear()
        while self.kept > WINDOW_BYTES:
            self._start += len(self._blocks.popleft())
        self._tell()

    def end(self, whole: bool) -> None:
        """There is no more; `whole` says that the clip has succeeded."""
        self.over, self._whole = True, whole
        self._tell()

    async def listen(self, position: int) -> Blocks:
        """What there is from a position [bytes] on, to the end. Raises BrokenOff."""
        while True:
            if not self._start <= position <= self._end or (self.over and not self._whole):
                raise BrokenOff
            for block in self._from(position):
                position += len(block)
                yield block
            if position == self._end:
                if self.over:
                    return
                await self._changed.wait()

    def _from(self, position: int) -> Iterator[bytes]:
        """The next frames at a position; the window may move on while one is sent."""
        at = self._start
        for block in self._blocks:
            if position < at + len(block):
                skipped = position - at
                yield block[skipped : skipped + _FRAME_BYTES]
                return
            at += len(block)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class LiveServer:
    """Sends the streams of the clips that are made in this process."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._audio: dict[str, LiveAudio] = {}
        self._server: asyncio.Server | None = None
        self.address: str | None = None
        """`host:port`, once it listens."""

    async def start(self) -> None:
        """Raises OSError where it cannot listen."""
        self._server = await asyncio.start_server(self._answer, self._host, 0, limit=_REQUEST_BYTES)
        port = self._server.sockets[0].getsockname()[1]
        self.address = f"{self._host}:{port}"

    def close(self) -> None:
        """Takes no more listeners. Those there are get the rest of what they hear."""
        if self._server is not None:
            self._server.close()

    @contextmanager
    def broadcasting(self, clip_id: str, lease: str) -> Iterator[LiveAudio]:
        """The stream of an attempt; it breaks off with the block, unless it was ended before."""
        audio = self._audio[clip_id] = LiveAudio(lease)
        try:
            yield audio
        finally:
            if self._audio.get(clip_id) is audio:
                del self._audio[clip_id]
            if not audio.over:
                audio.end(whole=False)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_ASKING_SECONDS):
                request = await reader.readuntil(b"\n")
            clip_id, lease, position = request.decode().split()
            audio = self._audio.get(clip_id)
            if audio is not None and hmac.compare_digest(audio.lease.encode(), lease.encode()):
                await _send(audio, int(position), writer)
        except (BrokenOff, OSError, ValueError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            logger.debug("a listener was cut off", exc_info=True)
        finally:
            writer.close()


async def _send(audio: LiveAudio, position: int, writer: asyncio.StreamWriter) -> None:
    # What lies between the worker and a listener that does not read is to stay small.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _FRAME_BYTES)
    async for block in audio.listen(position):
        writer.write(_SIZE.pack(len(block)) + block)
        await writer.drain()
    writer.write(_SIZE.pack(0))
    await writer.drain()


async def hear(address: str, clip_id: str, lease: str, position: int = 0) -> Blocks:
    """The stream of a clip from a position [bytes] on, from the worker at `host:port` that makes
    it, to its end: then the clip has succeeded. Raises BrokenOff."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError) as error:
        raise BrokenOff from error
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _FRAME_BYTES)
    try:
        writer.write(f"{clip_id} {lease} {position}\n".encode())
        while True:
            size = _SIZE.unpack(await reader.readexactly(_SIZE.size))[0]
            if not size:
                return
            yield await reader.readexactly(size)
    except (OSError, EOFError) as error:
        raise BrokenOff from error
    finally:
        with suppress(OSError):
            writer.close()
