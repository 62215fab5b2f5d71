"""Whether something that is done again and again still is."""

from __future__ import annotations

import time
from collections.abc import Callable

STUCK_SECONDS = 120.0
"""No round takes longer, for connections, locks and statements all have their limits."""
FRUITLESS_SECONDS = 600.0
"""So long an outage of the database is waited for: a new process would find it away as well, and
have lost what this one has under way."""


class Stopped(RuntimeError):
    """Rounds do not end any more, or have failed for too long."""


class Pulse:
    """When the last round ended, and when the last good one did."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._ended = self._good = clock()
        self._failing = False

    @property
    def failing(self) -> bool:
        """Whether the last round failed."""
        return self._failing

    def good(self) -> None:
        self._ended = self._good = self._clock()
        self._failing = False

    def failed(self) -> None:
        self._ended = self._clock()
        self._failing = True

    def check(self) -> None:
        """Raises Stopped, with what is wrong."""
        now = self._clock()
        if now - self._ended > STUCK_SECONDS:
            raise Stopped(f"{self._name} has been stuck for {now - self._ended:.0f} s")
        if now - self._good > FRUITLESS_SECONDS:
            raise Stopped(f"{self._name} has failed for {now - self._good:.0f} s")
