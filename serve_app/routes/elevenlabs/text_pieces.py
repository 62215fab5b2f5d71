"""Text that comes in pieces of any size, cut into pieces that are worth speaking."""

from __future__ import annotations

import re
from collections.abc import Sequence

SCHEDULE = (120, 160, 250, 290)
"""Characters that have to be there for the first piece, the second and so on; the interface's
default."""
_SENTENCE = re.compile(r".*[.!?…][\"')\]”’]*(?=\s)", re.S)
_WORD = re.compile(r".*\S(?=\s)", re.S)


class TextPieces:
    """What has come and is not spoken yet. A piece has at most `most` characters. `by_sentence`
    gives each sentence as soon as it is there."""

    def __init__(
        self, most: int, schedule: Sequence[int] = SCHEDULE, *, by_sentence: bool = False
    ) -> None:
        self._most = most
        self._schedule = tuple(schedule) or SCHEDULE
        self._by_sentence = by_sentence
        self._waiting = ""
        self._flushed = 0
        """Characters at the start that are to be spoken however few they are."""
        self._taken = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, text: str) -> None:
        self._waiting += text

    def flush(self) -> None:
        """All that is there is spoken now."""
        self._flushed = len(self._waiting)

    def take(self) -> str | None:
        """The next piece if there is enough for one. It ends with a sentence if most of what is
        there does, else with a word. White space is not kept for one that has yet to begin."""
        blank = len(self._waiting) - len(self._waiting.lstrip())
        self._waiting, self._flushed = self._waiting[blank:], max(0, self._flushed - blank)
        size = self._flushed or self._ready()
        if not size:
            return None
        if size > self._most:
            word = _WORD.match(self._waiting[: self._most])
            size = word.end() if word else self._most
        piece, self._waiting = self._waiting[:size], self._waiting[size:]
        self._flushed = max(0, self._flushed - size)
        self._taken += 1
        return piece.strip()

    def _ready(self) -> int:
        """Characters of the next piece; 0 where it has to wait."""
        sentence = _SENTENCE.match(self._waiting)
        if self._by_sentence and sentence:
            return sentence.end()
        wanted = self._schedule[min(self._taken, len(self._schedule) - 1)]
        full = len(self._waiting) > self._most
        if len(self._waiting.rstrip()) < wanted and not full:
            return 0
        if sentence and sentence.end() >= wanted / 2:
            return sentence.end()
        word = _WORD.match(self._waiting)
        if word:
            return word.end()
        return len(self._waiting) if full else 0
