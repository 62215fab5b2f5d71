"""Marks inside a text on its way to phonemes: pauses, paragraphs and given pronunciations.

They are private-use characters, which `characters.clean` takes out of what people send, so that
none can be written by hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LONGEST_PAUSE = 3.0
"""Seconds."""

PARAGRAPH = "\ue000"
"""The end of a paragraph or a heading."""

LINE = "\ue001"
"""The end of an item of a list, or of a line that was ended on purpose."""

_STEP = 0.05
_FIRST_PAUSE = 0xE100
_LAST_PAUSE = _FIRST_PAUSE + round(LONGEST_PAUSE / _STEP)
_FIRST_WORD = 0xE800
_LAST_WORD = 0xF8FF
WORD_MARKS = _LAST_WORD - _FIRST_WORD + 1
"""The most words with a pronunciation of their own in one text."""

PAUSES = f"{PARAGRAPH}{LINE}{chr(_FIRST_PAUSE)}-{chr(_LAST_PAUSE)}"
"""The marks at which a text is cut, for a class of characters."""
WORDS = f"{chr(_FIRST_WORD)}-{chr(_LAST_WORD)}"
"""The marks that stand for a word, for a class of characters."""

_ANY = re.compile(f"\\s*[{PAUSES}]\\s*")
_PAUSE = re.compile(f"[{PAUSES}]")
_WORD = re.compile(f"[{WORDS}]")


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word as it is written and as it sounds, in Kokoro's phonemes."""

    written: str
    phonemes: str


@dataclass(slots=True)
class Words:
    """The words of one text whose pronunciation is given, each with the mark that stands for it."""

    _spoken: list[Spoken] = field(default_factory=list)

    def mark(self, written: str, phonemes: str) -> str:
        """A new mark for the word, or the word itself when there are too many."""
        if len(self._spoken) == WORD_MARKS:
            return written
        self._spoken.append(Spoken(written, phonemes))
        return chr(_FIRST_WORD + len(self._spoken) - 1)

    def spoken(self, mark: str) -> Spoken:
        """The word of a mark."""
        return self._spoken[ord(mark) - _FIRST_WORD]

    def written(self, text: str) -> str:
        """`text` with the words as they were written instead of their marks."""
        return _WORD.sub(lambda m: self.spoken(m[0]).written, text)


def pause(seconds: float) -> str:
    """The mark of a pause of so many seconds, 3 at most."""
    return chr(_FIRST_PAUSE + round(min(max(seconds, 0.0), LONGEST_PAUSE) / _STEP))


def seconds_of(mark: str) -> float | None:
    """The length of a pause, or None for the end of a paragraph or a line."""
    return None if mark in (PARAGRAPH, LINE) else (ord(mark) - _FIRST_PAUSE) * _STEP


def is_word(character: str) -> bool:
    """Whether a character stands for a word with a given pronunciation."""
    return _FIRST_WORD <= ord(character) <= _LAST_WORD


def is_mark(character: str) -> bool:
    """Whether a character is any of the marks."""
    return bool(_PAUSE.fullmatch(character)) or is_word(character)


def without_pauses(text: str) -> str:
    """`text` with a space for each pause."""
    return _ANY.sub(" ", text).strip()
