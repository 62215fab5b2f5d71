"""The first stage of text to speech: text to tokens, voice to style.

With voice packs it needs no torch; what models that sample styles need is in `references`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from pipelines.audio.edges import Edges
from pipelines.english.chunking import Seam
from pipelines.english.source_words import Span, source_spans
from pipelines.english.word_sounds import sound_ranges
from pipelines.models.styletts2.marks import marks_of
from pipelines.models.styletts2.neighbours import Surrounded, goes_on, surrounded
from pipelines.models.styletts2.segments import Floats, SpeechSegment, WordTokens
from pipelines.models.styletts2.text import Chunk, KokoroScript
from pipelines.protocol import InvalidInput, Pronunciation, Segment, SpeechRequest
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
        self,
        text: str,
        language: str,
        max_characters: int,
        literal: bool = False,
        given: Sequence[Pronunciation] = (),
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
    voices = catalogue(settings.checkpoints)
    left = settings.spoken_characters
    for part, _ in parts_of(request):
        blend = voices.parse(part.voice)
        for chunk in _read(part, KokoroScript(left), blend.language, settings):
            left -= len(chunk.text)


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
        chunks: list[Chunk] = []
        manners: list[Manner] = []
        words: list[tuple[WordTokens, ...]] = []
        for part, begin in parts_of(request):
            manner = self._manner(part)
            found = _read(part, manner.script, manner.language, self._settings)
            words += words_of(found, part, manner.language, begin)
            if chunks:
                found[0] = replace(found[0], seam=Seam.SENTENCE)
            chunks += found
            manners += [manner] * len(found)
        all_edges = edges_of(chunks, self._settings.silence_seconds, request.speed)
        return [
            SpeechSegment(
                index=index,
                seed=segment_seed(request.seed, index),
                length=len(whole.tokens),
                text=chunk.text,
                tokens=np.array(whole.tokens),
                style=manner.style(len(whole.tokens)),
                speed=request.speed,
                gain=manner.gain,
                edges=edges,
                sampling=manner.sampling,
                words=tuple(word.moved(whole.lead) for word in said),
                # Sampled styles have no pauses of their own to be measured against.
                marks=() if manner.sampling else marks_of(whole.tokens, whole.lead, whole.trail),
                lead=whole.lead,
                trail=whole.trail,
            )
            for index, (chunk, manner, edges, said, whole) in enumerate(
                zip(chunks, manners, all_edges, words, _surrounded(chunks, manners), strict=True)
            )
        ]


def _surrounded(chunks: Sequence[Chunk], manners: Sequence[Manner]) -> Iterator[Surrounded]:
    """The tokens of each chunk with words of its neighbours, where a sentence goes on. Sampled
    styles carry a sentence on in a way of their own."""
    on = [
        goes_on(chunk) and manner.sampling is None
        for chunk, manner in zip(chunks, manners, strict=True)
    ]
    for place, (chunk, manner) in enumerate(zip(chunks, manners, strict=True)):
        before = chunks[place - 1] if place and on[place] else None
        after = chunks[place + 1] if place + 1 < len(chunks) and on[place + 1] else None
        yield surrounded(chunk, before, after, manner.language)


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


def parts_of(request: SpeechRequest) -> Iterator[tuple[SpeechRequest, int]]:
    """The request, or one for each of its turns, and where it begins in the text."""
    if not request.turns:
        yield request, 0
    begin = 0
    for turn in request.turns:
        text = request.text[begin : turn.end]
        yield replace(request, text=text, voice=turn.voice, turns=()), begin
        begin = turn.end


def _read(
    request: SpeechRequest, script: Script, language: str, settings: PipelineSettings
) -> list[Chunk]:
    limit = settings.chunk_characters
    return script.analyse(request.text, language, limit, request.literal, request.pronunciations)


def words_of(
    chunks: Sequence[Chunk], request: SpeechRequest, language: str, place: int = 0
) -> list[tuple[WordTokens, ...]]:
    """The words of each chunk, as places in its tokens and in a text in which that of the request
    begins at `place`."""
    said = [word.text for chunk in chunks for word in chunk.words]
    found = source_spans(request.text, said, language, literal=request.literal)
    spans = iter([(place + begin, place + end) for begin, end in found])
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
