"""Progress of a running attempt: its events."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from serve_app.endings import end
from serve_app.jobs.events import Kind
from serve_app.worker.generation import Progress

logger = logging.getLogger("bernie.worker")

EVENT_SECONDS = 0.5
_FIRST_SECONDS = 0.2
"""Nothing is reported before: most short clips are done by then, and need no events of progress."""

EventBatch = list[tuple[Kind, dict[str, Any]]]


class ProgressReporter:
    """Records progress in the background at a bounded rate, so that the work never waits for it.

    `record` writes events and returns whether the lease is still held. For use on the event loop.
    """

    def __init__(self, record: Callable[[EventBatch], Awaitable[bool]]) -> None:
        self._record = record
        self._recording_task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._progress: Progress | None = None
        self._progress_at = -EVENT_SECONDS
        self._seconds = 0.0
        self._bytes = 0
        self._audio_changed = False

    def step(self, progress: Progress) -> None:
        self._progress = progress
        self._changed.set()

    def audio(self, seconds: float, size: int) -> None:
        """`seconds` and `size` bytes of audio are ready in all."""
        self._seconds, self._bytes, self._audio_changed = seconds, size, True
        self._changed.set()

    def begin(self) -> None:
        self._recording_task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Nothing more is stored after this."""
        if self._recording_task is not None:
            await end([self._recording_task])

    async def _run(self) -> None:
        """Ends when the lease is lost. What could not be recorded is recorded later."""
        await asyncio.sleep(_FIRST_SECONDS)
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                held = await self._record_due()
            except Exception:
                logger.warning("the events of a clip could not be recorded", exc_info=True)
                self._audio_changed = self._bytes > 0
                self._changed.set()
            else:
                if not held:
                    return
            await asyncio.sleep(EVENT_SECONDS)

    async def _record_due(self) -> bool:
        batch: EventBatch = []
        if self._audio_changed:
            self._audio_changed = False
            data = {"seconds": round(self._seconds, 3), "bytes": self._bytes}
            batch.append((Kind.AUDIO, data))
        if self._progress is not None:
            if time.monotonic() - self._progress_at >= EVENT_SECONDS:
                batch.append((Kind.PROGRESS, asdict(self._progress)))
                self._progress, self._progress_at = None, time.monotonic()
            else:
                self._changed.set()
        return not batch or await self._record(batch)
