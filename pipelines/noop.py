"""Speech stages that do nothing: a tone as long as its text would take to say.

They run through the same graph as a real pipeline and so measure the layers around the models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.audio.joining import SilenceJoin
from pipelines.protocol import (
    Acoustic,
    Diffusion,
    Frontend,
    InvalidInput,
    Joiner,
    Segment,
    SpeechRequest,
    State,
    Vocoder,
    Waveform,
)
from pipelines.reference_features import FeatureCache
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import NO_CONVERTERS

SAMPLE_RATE = 24_000
SECONDS_PER_CHARACTER = 0.06
TONE_HZ = 220.0
_FRAMES_PER_SECOND = 40


def check(request: SpeechRequest) -> None:
    """Whether there is anything to say. Raises InvalidInput."""
    if not request.text.strip():
        raise InvalidInput("text", "There is nothing to say in this text.", "nothing_to_say")


class NoopFrontend:
    def __init__(self, settings: PipelineSettings) -> None:
        self._characters = settings.chunk_characters

    def prepare(self, requests: Sequence[SpeechRequest]) -> list[list[Segment]]:
        """Chunks of a fixed number of characters. Raises InvalidInput."""
        return [self._segments(request) for request in requests]

    def _segments(self, request: SpeechRequest) -> list[Segment]:
        check(request)
        starts = range(0, len(request.text), self._characters)
        sizes = [min(self._characters, len(request.text) - start) for start in starts]
        return [Segment(index, request.seed, size) for index, size in enumerate(sizes)]


class NoopDiffusion:
    def begin(self, segments: Sequence[Segment]) -> list[State]:
        return [State(segment, steps_left=0) for segment in segments]

    def step(self, states: Sequence[State]) -> None:
        raise AssertionError(f"{len(states)} states were stepped that have no steps left")

    def finish(self, states: Sequence[State]) -> list[Acoustic]:
        """`length` in frames of 25 ms."""
        rate = SECONDS_PER_CHARACTER * _FRAMES_PER_SECOND
        return [
            Acoustic(s.segment.index, s.segment.seed, max(1, round(s.segment.length * rate)))
            for s in states
        ]


class NoopVocoder:
    sample_rate = SAMPLE_RATE

    def synthesize(self, acoustics: Sequence[Acoustic]) -> list[Waveform]:
        samples = [a.length * SAMPLE_RATE // _FRAMES_PER_SECOND for a in acoustics]
        return [
            (0.1 * np.sin(2 * np.pi * TONE_HZ / SAMPLE_RATE * np.arange(n))).astype(np.float32)
            for n in samples
        ]


class NoopPipeline:
    """The stages above, joined as speech is."""

    sample_rate = SAMPLE_RATE
    takes_reference = False
    converters = NO_CONVERTERS

    def frontend(self, settings: PipelineSettings, _features: FeatureCache) -> Frontend:
        return NoopFrontend(settings)

    def diffusion(self, _settings: PipelineSettings) -> Diffusion:
        return NoopDiffusion()

    def vocoder(self, _settings: PipelineSettings) -> Vocoder:
        return NoopVocoder()

    def joiner(self, settings: PipelineSettings) -> Joiner:
        return SilenceJoin(settings.silence_seconds, self.sample_rate)

    def check(self, asked: SpeechRequest, _settings: PipelineSettings) -> None:
        check(asked)
