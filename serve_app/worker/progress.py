"""What a worker tells of a try under way: how far it is, and the audio that is ready."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from serve_app.jobs.events import Kind
from serve_app.worker.generation import Progress

logger = logging.getLogger("bernie.worker")

EVENT_SECONDS = 0.5
PIECE_SECONDS = 0.2

EventBatch = list[tuple[Kind, dict[str, Any]]]


class ProgressReporter:
    """Tells in the background, and not too often, so that nothing waits for it.

    `tell` records events and says whether the clip is still held; `keep` stores one piece of the
    audio, of those counted from 1. For use on the event loop.
    """

    def __init__(
        self,
        tell: Callable[[EventBatch], Awaitable[bool]],
        keep: Callable[[int, bytes], Awaitable[None]],
    ) -> None:
        self._tell = tell
        self._keep = keep
        self.listened = False
        """Whether the audio can be listened to while it is made."""
        self._telling: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._progress: Progress | None = None
        self._progress_at = -EVENT_SECONDS
        self._seconds = 0.0
        self._bytes = 0
        self._audio_is_new = False
        self._ready = bytearray()
        self._pieces = 0

    def step(self, progress: Progress) -> None:
        self._progress = progress
        self._news.set()

    def audio(self, seconds: float, size: int) -> None:
        """So much is ready in all."""
        self._seconds, self._bytes, self._audio_is_new = seconds, size, True
        self._news.set()

    def stream(self, seconds: float, new: bytes) -> None:
        """So much is ready in all, of which `new` is to be listened to."""
        self.listened = True
        self._ready += new
        self.audio(seconds, self._bytes + len(new))

    def begin(self) -> None:
        self._telling = asyncio.create_task(self._run())

    async def end(self) -> None:
        """After this nothing more is stored."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)

    async def _run(self) -> None:
        """Ends when the clip is not held any more. What could not be told is told later."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                held = await self._record_due()
            except Exception:
                logger.warning("a clip goes on untold", exc_info=True)
                self._audio_is_new = self._bytes > 0
                self._news.set()
            else:
                if not held:
                    return
            await asyncio.sleep(PIECE_SECONDS if self.listened else EVENT_SECONDS)

    async def _record_due(self) -> bool:
        news: EventBatch = []
        if self._audio_is_new:
            self._audio_is_new = False
            news.append((Kind.AUDIO, await self._audio()))
        if self._progress is not None:
            if time.monotonic() - self._progress_at >= EVENT_SECONDS:
                news.append((Kind.PROGRESS, asdict(self._progress)))
                self._progress, self._progress_at = None, time.monotonic()
            else:
                self._news.set()
        return not news or await self._tell(news)

    async def _audio(self) -> dict[str, Any]:
        data = {"seconds": round(self._seconds, 3), "bytes": self._bytes}
        if not self.listened:
            return data
        if self._ready:
            piece = bytes(self._ready)
            await self._keep(self._pieces + 1, piece)
            del self._ready[: len(piece)]
            self._pieces += 1
        return {**data, "pieces": self._pieces}
