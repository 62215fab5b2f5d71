"""Words of the chunks on both sides of one, spoken along with it and cut off again.

A chunk that ends inside a sentence would end like a sentence: with a fall of the voice, and the
next would begin as high as a new one. With two words of its neighbours on either side the model
hears that the sentence goes on. Measured by `benchmarks.pauses`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.english.chunking import Seam
from pipelines.english.symbols import encode
from pipelines.english.word_sounds import sound_ranges
from pipelines.models.styletts2.text import MAX_TOKENS, Chunk

_WORDS = 2
_GOES_ON = (Seam.NONE, Seam.CLAUSE)


@dataclass(frozen=True, slots=True)
class Surrounded:
    """The tokens of a chunk with those of its neighbours: `lead` before, and `trail` behind, both
    within the zeros at the ends."""

    tokens: tuple[int, ...]
    lead: int = 0
    trail: int = 0


def goes_on(chunk: Chunk) -> bool:
    """Whether a chunk goes on with the sentence of the one before it."""
    return chunk.seam in _GOES_ON and chunk.pause is None


def surrounded(
    chunk: Chunk, before: Chunk | None, after: Chunk | None, language: str
) -> Surrounded:
    """A chunk with words of the one that it goes on from and of the one that goes on from it."""
    lead = encode(_last_words(before, language) + " ") if before else []
    trail = encode(" " + _first_words(after, language)) if after else []
    zero, *own, end = chunk.tokens
    if len(lead) + len(own) + len(trail) > MAX_TOKENS:
        return Surrounded(chunk.tokens)
    return Surrounded((zero, *lead, *own, *trail, end), len(lead), len(trail))


def _last_words(chunk: Chunk, language: str) -> str:
    ranges = _heard(chunk, language)
    return chunk.phonemes[ranges[-_WORDS:][0][0] :] if ranges else ""


def _first_words(chunk: Chunk, language: str) -> str:
    ranges = _heard(chunk, language)
    return chunk.phonemes[: ranges[:_WORDS][-1][1]] if ranges else ""


def _heard(chunk: Chunk, language: str) -> Sequence[tuple[int, int]]:
    found = sound_ranges(chunk.words, chunk.phonemes, language)
    return [(begin, end) for begin, end in found if begin < end]
