"""Whether somebody waits on this machine for a clip to begin.

The processes of a system share eight bytes: the time at which one of them last worked at such a
clip. What has time, such as lines of batches, asks before each small piece of work.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import make_url

from serve_app.settings import Settings

logger = logging.getLogger("bernie.foreground")

NOTE_SECONDS = 0.1
"""How often work that goes on is noted."""
RECENT_SECONDS = 0.3
"""So long somebody waits after the last note: a clip passes from process to process meanwhile."""
_BYTES = 8


class Foreground:
    """The time of the last note, on the clock that all processes of a machine share."""

    def __init__(
        self, place: mmap.mmap | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Without a `place` this process alone knows."""
        self._clock = clock
        # Written and read in one piece, so that processes need no lock.
        self._last = memoryview(place or bytearray(_BYTES)).cast("d")

    @classmethod
    def shared(cls, file: Path) -> Self:
        """With the processes that use the same file. Raises OSError, also where it is another
        user's."""
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(opened).st_uid != os.getuid():
                raise PermissionError(f"{file} belongs to somebody else")
            os.ftruncate(opened, _BYTES)
            return cls(mmap.mmap(opened, _BYTES))
        finally:
            os.close(opened)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """With the processes on this machine that work for the same database."""
        try:
            return cls.shared(_file(settings))
        except OSError:
            logger.warning("batches cannot see who waits in other processes", exc_info=True)
            return cls()

    def note(self) -> None:
        """Somebody waits now."""
        self._last[0] = self._clock()

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Somebody waits meanwhile. For use on an event loop."""
        loop = asyncio.get_running_loop()

        timers: list[asyncio.TimerHandle] = []

        def note() -> None:
            self.note()
            timers[:] = [loop.call_later(NOTE_SECONDS, note)]

        note()
        try:
            yield
        finally:
            timers[0].cancel()
            self.note()

    @property
    def waits(self) -> bool:
        """Whether somebody waits, or did a moment ago."""
        return 0 <= self._clock() - self._last[0] < RECENT_SECONDS


def _file(settings: Settings) -> Path:
    """In the data folder, where this machine has it."""
    if settings.data_dir.is_dir():
        return settings.data_dir / "foreground"
    url = make_url(settings.database()).render_as_string(hide_password=True)
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"bernie-foreground-{os.getuid()}-{name}"
