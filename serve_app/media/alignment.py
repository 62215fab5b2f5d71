"""When each character of a text is said, from the times of its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipelines.protocol import Word


@dataclass(slots=True)
class Alignment:
    """Characters in order, and when each begins and ends, in seconds."""

    characters: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)


def of_text(text: str, words: Sequence[Word]) -> Alignment:
    """Of every character of the text: those of a word share its time, and those between two words
    the time between them."""
    found = Alignment()
    place, time = 0, 0.0
    for word in words:
        if word.begin < place:
            continue
        _spread(found, text[place : word.begin], time, word.start)
        _spread(found, text[word.begin : word.end], word.start, word.stop)
        place, time = word.end, word.stop
    _spread(found, text[place:], time, time)
    return found


def of_said(words: Sequence[Word]) -> Alignment:
    """The same of the text as it is said, in which numbers are words."""
    said: list[Word] = []
    text = ""
    for word in words:
        text += " " if text else ""
        said.append(replace(word, begin=len(text), end=len(text) + len(word.said)))
        text += word.said
    return of_text(text, said)


def _spread(found: Alignment, text: str, start: float, stop: float) -> None:
    step = max(0.0, stop - start) / len(text) if text else 0.0
    found.characters += text
    found.starts += (round(start + step * n, 3) for n in range(len(text)))
    found.ends += (round(start + step * (n + 1), 3) for n in range(len(text)))
