"""From text to the chunks that the model speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.english.characters import NO_BREAK
from pipelines.english.chunking import split
from pipelines.english.normalize import normalize
from pipelines.english.phonemes import phonemize
from pipelines.english.scripts import check_scripts
from pipelines.english.symbols import encode, has_sound
from pipelines.protocol import InvalidInput

MAX_TOKENS = 510
"""Longest sequence the model takes, without the padding at both ends."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is spoken in one go: the normalised words, and their sounds as symbols."""

    text: str
    phonemes: str
    tokens: tuple[int, ...]
    """As the model reads them."""


@dataclass(frozen=True, slots=True)
class KokoroScript:
    """Reads text for Kokoro; see `analyse`."""

    max_spoken: int

    def analyse(self, text: str, language: str, max_characters: int) -> list[Chunk]:
        return analyse(text, language, max_characters, self.max_spoken)


def analyse(
    text: str, language: str, max_characters: int, max_spoken: int | None = None
) -> list[Chunk]:
    """The chunks of `text` in order, each at most `max_characters` and 510 tokens long.

    `language` is `en-us` or `en-gb`. Lengths are those of the normalised text, in which numbers
    are words; `max_spoken` is the most that all of it may have. Raises InvalidInput with the code
    `text_too_long` when it has more, `nothing_to_say` when no part of the text can be heard,
    `unsupported_script` when no voice can read it.
    """
    spoken = normalize(text, language)
    if max_spoken is not None and len(spoken) > max_spoken:
        raise InvalidInput(
            "text",
            f"text may have at most {max_spoken} characters as it is spoken, with numbers and "
            f"signs in words; this has {len(spoken)}.",
            "text_too_long",
        )
    check_scripts(spoken)
    chunks = list(_phonemized(split(spoken, max_characters), language))
    if not chunks:
        raise InvalidInput("text", "The text holds nothing that can be spoken.", "nothing_to_say")
    return chunks


def _phonemized(pieces: Sequence[str], language: str) -> Iterator[Chunk]:
    """Pieces with their phonemes; those too long for the model are cut again."""
    for piece, phonemes in zip(pieces, phonemize(pieces, language), strict=True):
        symbols = encode(phonemes)
        if len(symbols) > MAX_TOKENS:
            yield from _phonemized(split(piece, len(piece) // 2), language)
        elif has_sound(phonemes):
            yield Chunk(piece.replace(NO_BREAK, " "), phonemes, (0, *symbols, 0))
