"""From text to the chunks that the model speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.english.characters import NO_BREAK
from pipelines.english.chunking import Seam, seam_after, split
from pipelines.english.marks import Words
from pipelines.english.phonemes import phonemize
from pipelines.english.pronunciation import pronounce
from pipelines.english.reading import Part, read
from pipelines.english.scripts import check_scripts
from pipelines.english.symbols import encode, has_sound
from pipelines.english.word_sounds import Said, said_words
from pipelines.protocol import InvalidInput, Pronunciation

MAX_TOKENS = 510
"""Longest sequence the model takes, without the padding at both ends."""

FIRST_CHUNK = 60
"""Most characters of the first chunk of a long text."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is spoken in one go: the normalised words, and their sounds as symbols."""

    text: str
    phonemes: str
    tokens: tuple[int, ...]
    """As the model reads them."""
    seam: Seam = Seam.NONE
    """What there is before it."""
    pause: float | None = None
    """Seconds of silence before it that were asked for, instead of what its seam would give."""
    last_pause: float = 0.0
    """Seconds of silence after it."""
    words: tuple[Said, ...] = ()
    """What is said in it, word by word."""


@dataclass(frozen=True, slots=True)
class KokoroScript:
    """Reads text for Kokoro; see `analyse`."""

    max_spoken: int

    def analyse(
        self,
        text: str,
        language: str,
        max_characters: int,
        literal: bool = False,
        given: Sequence[Pronunciation] = (),
    ) -> list[Chunk]:
        return analyse(text, language, max_characters, self.max_spoken, literal, given)


def analyse(
    text: str,
    language: str,
    max_characters: int,
    max_spoken: int | None = None,
    literal: bool = False,
    given: Sequence[Pronunciation] = (),
) -> list[Chunk]:
    """The chunks of `text` in order, each at most `max_characters` and 510 tokens long.

    `language` is `en-us` or `en-gb`. Lengths are those of the normalised text, in which numbers
    are words; `max_spoken` is the most that all of it may have. Markup is read for what it means,
    in a `literal` text as it is written; words whose pronunciation is `given` are said so. Raises
    InvalidInput with the code `text_too_long` when the text has more, `nothing_to_say` when no part
    of it can be heard, `unsupported_script` when no voice can read it.
    """
    reading = read(text, language, literal=literal, given=given)
    spoken = sum(len(part.text) for part in reading.parts) + max(0, len(reading.parts) - 1)
    if max_spoken is not None and spoken > max_spoken:
        raise InvalidInput(
            "text",
            f"text may have at most {max_spoken} characters as it is spoken, with numbers and "
            f"signs in words; this has {spoken}.",
            "text_too_long",
        )
    chunks: list[Chunk] = []
    for part in reading.parts:
        check_scripts(reading.words.written(part.text))
        said = pronounce(part.text, language, reading.words)
        pieces = split(said, max_characters, None if chunks else min(FIRST_CHUNK, max_characters))
        seam, pause = _seam_before(part, chunks), part.pause
        for chunk in _phonemized(pieces, language, reading.words):
            chunks.append(replace(chunk, seam=seam, pause=pause))
            seam, pause = seam_after(chunk.text), None
    if not chunks:
        raise InvalidInput("text", "The text holds nothing that can be spoken.", "nothing_to_say")
    chunks[-1] = replace(chunks[-1], last_pause=reading.last_pause)
    return chunks


def _seam_before(part: Part, chunks: Sequence[Chunk]) -> Seam:
    if part.paragraph:
        return Seam.PARAGRAPH
    return seam_after(chunks[-1].text) if chunks else Seam.NONE


def _phonemized(pieces: Sequence[str], language: str, words: Words) -> Iterator[Chunk]:
    """Pieces with their phonemes; those too long for the model are cut again."""
    for piece, phonemes in zip(pieces, phonemize(pieces, language, words), strict=True):
        symbols = encode(phonemes)
        if len(symbols) > MAX_TOKENS:
            yield from _phonemized(split(piece, len(piece) // 2), language, words)
        elif has_sound(phonemes):
            text = words.written(piece).replace(NO_BREAK, " ")
            said = said_words(piece, words)
            yield Chunk(text, phonemes, (0, *symbols, 0), words=said)
