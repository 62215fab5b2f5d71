"""The first stage of text to speech: text to tokens, voice to style. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.protocol import InvalidInput, Segment, SpeechRequest
from pipelines.settings import PipelineSettings
from pipelines.styletts2.segments import SpeechSegment
from pipelines.styletts2.symbols import encode
from pipelines.styletts2.text import Chunk, analyse
from pipelines.styletts2.voices import Blend, catalogue

SPEEDS = (0.25, 4.0)


def check(request: SpeechRequest, settings: PipelineSettings) -> None:
    """Whether a request can be spoken. Raises InvalidInput."""
    _analysed(request, settings)


class KokoroFrontend:
    """Analyses text and looks up styles. Holds the voice packs."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._packs = catalogue(settings.checkpoints).packs()

    def prepare(self, requests: Sequence[SpeechRequest]) -> list[list[Segment]]:
        """The chunks of each request, in order. Raises InvalidInput."""
        return [self._segments(request) for request in requests]

    def _segments(self, request: SpeechRequest) -> list[Segment]:
        blend, chunks = _analysed(request, self._settings)
        segments: list[Segment] = []
        for index, chunk in enumerate(chunks):
            symbols = encode(chunk.phonemes)
            segments.append(
                SpeechSegment(
                    index=index,
                    seed=segment_seed(request.seed, index),
                    length=len(symbols) + 2,
                    text=chunk.text,
                    tokens=np.array([0, *symbols, 0]),
                    style=blend.style(self._packs, len(symbols)),
                    speed=request.speed,
                )
            )
        return segments


def segment_seed(seed: int, index: int) -> int:
    """A 63-bit seed of its own for each segment of a clip."""
    state = np.random.SeedSequence([seed & (2**64 - 1), index]).generate_state(1, np.uint64)
    return int(state[0]) >> 1


def _analysed(request: SpeechRequest, settings: PipelineSettings) -> tuple[Blend, list[Chunk]]:
    slowest, fastest = SPEEDS
    if not slowest <= request.speed <= fastest:
        raise InvalidInput("speed", f"Speed must be from {slowest} to {fastest}.")
    blend = catalogue(settings.checkpoints).parse(request.voice)
    return blend, analyse(request.text, blend.language, settings.chunk_characters)
