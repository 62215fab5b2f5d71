"""The first stage of text to speech: text to tokens, voice to style.

With voice packs it needs no torch; what models that sample styles need is in `references`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipelines.audio.edges import Edges
from pipelines.english.chunking import Seam
from pipelines.english.source_words import Span, source_spans
from pipelines.english.word_sounds import sound_ranges
from pipelines.models.styletts2.segments import Floats, SpeechSegment, WordTokens
from pipelines.models.styletts2.text import Chunk, KokoroScript
from pipelines.protocol import InvalidInput, Segment, SpeechRequest
from pipelines.requests.speech import Sampling
from pipelines.runtime.seeds import segment_seed
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import Blend, catalogue

SPEEDS = (0.25, 4.0)
PAUSES = {Seam.NONE: 0.0, Seam.CLAUSE: 0.5, Seam.SENTENCE: 1.0, Seam.PARAGRAPH: 2.5}
"""The silence at a seam, in pauses between sentences."""


class Script(Protocol):
    """How texts are read."""

    def analyse(
        self, text: str, language: str, max_characters: int, literal: bool = False
    ) -> list[Chunk]:
        """The chunks of `text` in order. Raises InvalidInput."""
        ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How one request is spoken: how its text is read, and in which style."""

    script: Script
    language: str
    style: Callable[[int], Floats | None]
    """The style of a segment of so many tokens, see `SpeechSegment.style`."""
    gain: float = 1.0
    sampling: Sampling | None = None


def check(request: SpeechRequest, settings: PipelineSettings) -> None:
    """Whether Kokoro can speak a request. Raises InvalidInput."""
    check_speed(request)
    blend = catalogue(settings.checkpoints).parse(request.voice)
    script = KokoroScript(settings.spoken_characters)
    script.analyse(request.text, blend.language, settings.chunk_characters, request.literal)


class StyleTTS2Frontend:
    """Cuts and reads texts. `manner` says how a request is spoken, or raises InvalidInput."""

    def __init__(
        self, manner: Callable[[SpeechRequest], Manner], settings: PipelineSettings
    ) -> None:
        self._manner = manner
        self._settings = settings

    def prepare(self, requests: Sequence[SpeechRequest]) -> list[list[Segment]]:
        """The chunks of each request, in order. Raises InvalidInput."""
        return [self._segments(request) for request in requests]

    def _segments(self, request: SpeechRequest) -> list[Segment]:
        check_speed(request)
        manner = self._manner(request)
        limit = self._settings.chunk_characters
        chunks = manner.script.analyse(request.text, manner.language, limit, request.literal)
        all_edges = edges_of(chunks, self._settings.silence_seconds, request.speed)
        words = words_of(chunks, request, manner.language)
        return [
            SpeechSegment(
                index=index,
                seed=segment_seed(request.seed, index),
                length=len(chunk.tokens),
                text=chunk.text,
                tokens=np.array(chunk.tokens),
                style=manner.style(len(chunk.tokens)),
                speed=request.speed,
                gain=manner.gain,
                edges=edges,
                sampling=manner.sampling,
                words=said,
            )
            for index, (chunk, edges, said) in enumerate(zip(chunks, all_edges, words, strict=True))
        ]


def kokoro_frontend(settings: PipelineSettings) -> StyleTTS2Frontend:
    """Speaks with the voice packs, which it holds."""
    voices = catalogue(settings.checkpoints)
    packs = voices.packs()
    script = KokoroScript(settings.spoken_characters)

    def manner(request: SpeechRequest) -> Manner:
        blend: Blend = voices.parse(request.voice)
        # A pack has a row for each number of symbols, without the zeros at both ends.
        return Manner(
            script, blend.language, lambda tokens: blend.style(packs, tokens - 2), blend.gain
        )

    return StyleTTS2Frontend(manner, settings)


def words_of(
    chunks: Sequence[Chunk], request: SpeechRequest, language: str
) -> list[tuple[WordTokens, ...]]:
    """The words of each chunk, as places in the text of the request and in its tokens."""
    said = [word.text for chunk in chunks for word in chunk.words]
    spans = iter(source_spans(request.text, said, language, literal=request.literal))
    return [_words_of(chunk, spans, language) for chunk in chunks]


def _words_of(chunk: Chunk, spans: Iterator[Span], language: str) -> tuple[WordTokens, ...]:
    """Words next to each other that stand for the same of the text are one."""
    found: list[WordTokens] = []
    ranges = sound_ranges(chunk.words, chunk.phonemes, language)
    for word, (first, last), (begin, end) in zip(chunk.words, ranges, spans, strict=False):
        # A zero stands before the symbols.
        tokens = WordTokens(begin, end, word.text, 1 + first, 1 + last)
        if found and (found[-1].begin, found[-1].end) == (begin, end):
            said = f"{found[-1].said} {word.text}"
            tokens = WordTokens(begin, end, said, found[-1].first, tokens.last)
            found.pop()
        found.append(tokens)
    return tuple(found)


def edges_of(chunks: Sequence[Chunk], sentence_seconds: float, speed: float) -> list[Edges]:
    """The silence around each chunk: pauses follow the text's marks, and are shorter in fast speech
    unless they were asked for. A clip begins and ends as the model begins and ends it."""
    last = len(chunks) - 1
    return [
        Edges(
            before=_pause(chunk, sentence_seconds / speed) if place or chunk.pause else 0.0,
            after=chunk.last_pause,
            cut_start=place > 0,
            cut_end=place < last,
        )
        for place, chunk in enumerate(chunks)
    ]


def _pause(chunk: Chunk, sentence_seconds: float) -> float:
    return PAUSES[chunk.seam] * sentence_seconds if chunk.pause is None else chunk.pause


def check_speed(request: SpeechRequest) -> None:
    """Raises InvalidInput."""
    slowest, fastest = SPEEDS
    if not slowest <= request.speed <= fastest:
        raise InvalidInput("speed", f"Speed must be from {slowest} to {fastest}.")
