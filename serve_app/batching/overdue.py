"""Which items of a background have waited for too long. Pure Python.

What counts is the time that the foreground computed meanwhile: an item that waits for others of the
background waits for its turn, however long that takes.
"""

from __future__ import annotations

PATIENCE = 15.0
"""Seconds of the foreground's computing, as `FairQueue` has seconds of waiting."""


class Overdue:
    """The items of the background in the order of their arrival."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._computed = 0.0
        self._arrived: dict[str, float] = {}

    def arrived(self, key: str) -> None:
        self._arrived[key] = self._computed

    def left(self, key: str) -> None:
        self._arrived.pop(key, None)

    def computed(self, seconds: float) -> None:
        """The foreground has computed for so long."""
        self._computed += seconds

    def take(self) -> list[str]:
        """The items that have waited for more than the patience, each once."""
        found = []
        for key, since in self._arrived.items():
            if self._computed - since < self._patience:
                break
            found.append(key)
        for key in found:
            del self._arrived[key]
        return found
