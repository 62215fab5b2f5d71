"""The text front end that the published StyleTTS2 models were trained and are run with.

espeak-ng writes the phonemes; then punctuation is set apart by spaces, as the word tokeniser of the
Natural Language Toolkit does it with English text: each sentence's last period, and all commas,
colons, brackets and quotation marks. No numbers or abbreviations are written out beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.english.chunking import Seam, seam_after
from pipelines.english.given import say_as_given
from pipelines.english.marks import Words
from pipelines.english.markup import plain
from pipelines.english.phonemes import phonemize_with_punctuation
from pipelines.english.word_sounds import said_words
from pipelines.models.styletts2.published.symbols import encode, has_sound
from pipelines.models.styletts2.text import Chunk
from pipelines.protocol import InvalidInput, Pronunciation

MAX_TOKENS = 511
"""Longest sequence the models take, without the leading 0."""

_OPENED, _CLOSED = "``", "''"
"""What the tokeniser makes of straight quotation marks."""

_SENTENCE_GAP = re.compile(r"(?<=[.!?])([\"')\]}»”’]*)\s+")
_RULES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"([«“‘„]|`+)", r" \1 "),
        (r"^\"", rf"{_OPENED} "),
        (r"(?<=[\s(\[{<])(\"|'{2})", rf"{_OPENED} "),
        (r"([^.])(\.)([\])}>\"'»”’ ]*)\s*$", r"\1 \2 \3 "),
        (r"([:,])(?=\D|$)", r" \1 "),
        (r"(\.{2,})", r" \1 "),
        (r"([;@#$%&?!»”’()\[\]{}<>—]|--)", r" \1 "),
        (r"([^'])' ", r"\1 ' "),
        (r"\"", rf" {_CLOSED} "),
        (r"\s+", " "),
    )
]
"""Applied to each sentence in this order."""

_SENTENCE_END = re.compile(r".*[.!?](?=[^.!?]|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PublishedScript:
    """Reads text for a published model. Texts are American English."""

    drops_quotes: bool
    """The single-speaker model knows no straight quotation marks."""
    long_form: bool = False
    """Cut at every period and keep straight quotation marks as they are."""

    def analyse(
        self,
        text: str,
        language: str,
        max_characters: int,
        literal: bool = False,
        given: Sequence[Pronunciation] = (),
    ) -> list[Chunk]:
        """The chunks of `text` in order. Aliases count, given sounds do not: the models have
        symbols of their own. Raises InvalidInput with the code `nothing_to_say`."""
        if not literal:
            text = plain(text)
        text = say_as_given(text, given, Words(), lambda _ipa: "")
        pieces = sentences(text) if self.long_form else split(text, max_characters)
        chunks = list(self._chunks(pieces, language))
        if not chunks:
            message = "The text holds nothing that can be spoken."
            raise InvalidInput("text", message, "nothing_to_say")
        seams = [Seam.NONE, *(seam_after(chunk.text) for chunk in chunks[:-1])]
        return [replace(chunk, seam=seam) for chunk, seam in zip(chunks, seams, strict=True)]

    def _chunks(self, pieces: Sequence[str], language: str) -> Iterator[Chunk]:
        """Pieces with their tokens; those too long for the model are cut again."""
        texts = [piece.strip() for piece in pieces]
        if self.drops_quotes:
            texts = [text.replace('"', "") for text in texts]
        for text, phonemes in zip(texts, phonemize_with_punctuation(texts, language), strict=True):
            spaced = self.spaced(phonemes)
            tokens = encode(spaced)
            if len(tokens) > MAX_TOKENS:
                yield from self._chunks(split(text, (len(text) + 1) // 2), language)
            elif has_sound(spaced):
                yield Chunk(text, spaced, (0, *tokens), words=said_words(text, Words()))

    def spaced(self, phonemes: str) -> str:
        """Phonemes with their punctuation set apart."""
        spaced = set_apart(phonemes)
        if self.long_form:
            spaced = spaced.replace(_OPENED, '"').replace(_CLOSED, '"')
        return spaced


def set_apart(phonemes: str) -> str:
    """Words and marks, one space between each."""
    marked = _SENTENCE_GAP.sub("\\1\n", phonemes.strip())
    return " ".join(_tokenized(sentence) for sentence in marked.split("\n") if sentence)


def _tokenized(sentence: str) -> str:
    for pattern, replacement in _RULES:
        sentence = pattern.sub(replacement, sentence)
    return sentence.strip()


def split(text: str, max_characters: int) -> list[str]:
    """Chunks of at most `max_characters`, cut after the last sentence end that fits.

    Without one the cut is at the last space, else in the middle of a word.
    """
    chunks = []
    while len(text) > max_characters:
        window = text[:max_characters]
        end = _SENTENCE_END.match(window)
        if end is not None:
            cut = end.end()
        else:
            cut = window.rfind(" ") if " " in window.strip() else max_characters
        chunks.append(text[:cut])
        text = text[cut:].lstrip()
    return [*chunks, text] if text else chunks


def sentences(text: str) -> list[str]:
    """The parts of a long text that are spoken one by one: up to each period."""
    parts = [part.strip() for part in text.split(".")]
    return [f"{part}." for part in parts if part]
