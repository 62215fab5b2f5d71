"""Audio while it is made: whoever listens is connected to the worker that makes the clip.

A worker keeps the newest part of the stream of each clip that it makes, in the layout whose bytes
never change (`pipelines.audio.appending`), and sends it over TCP to those who name the clip and
show the token of its lease, which is in the database. Any number may listen, from any time on. TCP
holds the worker back for a listener that does not read, and only for that one. A listener that
falls too far behind is cut off; the clip goes on, and the rest can be had from the store once the
clip has succeeded.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from serve_app.media import frames
from serve_app.media.frames import Blocks, BrokenOff

WINDOW_BYTES = 4 * 1024 * 1024
"""What is kept of a stream, for those who come later and those who are slow."""
_SOON_SECONDS = 1.0
"""Within it an attempt begins whose lease was taken."""
_ENDED = 1024
"""Leases that are remembered."""


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
        """Takes what is encoded, for the next `publish`. On the loop, or in a thread that encodes
        and that the loop waits for."""
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
                yield block[skipped : skipped + frames.FRAME_BYTES]
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
        self._ended: deque[str] = deque(maxlen=_ENDED)
        self._begun = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.address: str | None = None
        """`host:port`, once it listens."""

    async def start(self) -> None:
        """Raises OSError where it cannot listen."""
        self._server, self.address = await frames.serve(self._answer, self._host)

    def close(self) -> None:
        """Takes no more listeners. Those there are get the rest of what they hear."""
        if self._server is not None:
            self._server.close()

    @contextmanager
    def broadcasting(self, clip_id: str, lease: str) -> Iterator[LiveAudio]:
        """The stream of an attempt; it breaks off with the block, unless it was ended before."""
        audio = self._audio[clip_id] = LiveAudio(lease)
        self._begun.set()
        self._begun = asyncio.Event()
        try:
            yield audio
        finally:
            self._ended.append(lease)
            if self._audio.get(clip_id) is audio:
                del self._audio[clip_id]
            if not audio.over:
                audio.end(whole=False)

    async def _answer(self, request: list[str], writer: asyncio.StreamWriter) -> None:
        clip_id, lease, position = request
        try:
            async with asyncio.timeout(_SOON_SECONDS):
                audio = await self._of_attempt(clip_id, lease)
        except TimeoutError as error:
            raise BrokenOff from error
        await frames.send(audio.listen(int(position)), writer)

    async def _of_attempt(self, clip_id: str, lease: str) -> LiveAudio:
        """Who asks may have seen the lease in the database before the worker knows that it has it.
        Raises BrokenOff where the attempt is over."""
        while True:
            audio = self._audio.get(clip_id)
            if audio is not None and hmac.compare_digest(audio.lease.encode(), lease.encode()):
                return audio
            if lease in self._ended:
                raise BrokenOff
            await self._begun.wait()


def hear(address: str, clip_id: str, lease: str, position: int = 0) -> Blocks:
    """The stream of a clip from a position [bytes] on, from the worker at `host:port` that makes
    it, to its end: then the clip has succeeded. Raises BrokenOff."""
    return frames.read(address, clip_id, lease, str(position))
