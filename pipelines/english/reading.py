"""A text as people send it, to parts that are said without a pause of their own between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.english import marks
from pipelines.english.characters import drop_marks
from pipelines.english.given import say_as_given
from pipelines.english.marks import PARAGRAPH, PAUSES, Words
from pipelines.english.markup import render
from pipelines.english.normalize import read_out
from pipelines.english.phonemes import to_kokoro
from pipelines.english.symbols import has_sound
from pipelines.protocol import Pronunciation

_CUT = re.compile(rf"\s*([{PAUSES}](?:\s*[{PAUSES}])*)\s*")


@dataclass(frozen=True, slots=True)
class Part:
    """Normalised text without pause marks, and the pause before it."""

    text: str
    pause: float | None = None
    """Seconds of silence before it that were asked for."""
    paragraph: bool = False
    """Whether it begins a paragraph, rather than a line."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The parts of a text in order, the words with a pronunciation of their own, and the pause that
    was asked for at the end, in seconds."""

    parts: list[Part]
    words: Words
    last_pause: float


def read(
    text: str, language: str, *, literal: bool, given: Sequence[Pronunciation] = ()
) -> Reading:
    """`text` in words. In a `literal` one markup is read as it is written. Words whose
    pronunciation is `given` are said so."""
    words = Words()
    text = drop_marks(text)
    if not literal:
        text = render(text, words, pronounceable)
    text = say_as_given(text, given, words, pronounceable)
    pieces = _CUT.split(read_out(text, language))
    parts: list[Part] = []
    pause: float | None = None
    paragraph = False
    for place in range(0, len(pieces), 2):
        if place:
            pause = _longer(pause, _seconds(pieces[place - 1]))
            paragraph = paragraph or PARAGRAPH in pieces[place - 1]
        if pieces[place].strip():
            parts.append(Part(pieces[place].strip(), pause, paragraph))
            pause, paragraph = None, False
    return Reading(parts, words, pause or 0.0)


def _seconds(cut: str) -> float | None:
    """The sum of the pauses that were asked for."""
    asked = [marks.seconds_of(mark) for mark in cut if not mark.isspace()]
    given = [seconds for seconds in asked if seconds is not None]
    return min(sum(given), marks.LONGEST_PAUSE) if given else None


def _longer(one: float | None, other: float | None) -> float | None:
    return max((x for x in (one, other) if x is not None), default=None)


def pronounceable(ipa: str) -> str:
    """Kokoro's phonemes of IPA as people write it, or nothing if it has no sound."""
    phonemes = to_kokoro(ipa.replace("'", "ˈ").replace(":", "ː"))
    return phonemes if has_sound(phonemes) else ""
