"""The converter as it ships, and one with small random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipelines import registry
from pipelines.audio.recording import Recording
from pipelines.protocol import Waveform
from pipelines.registry import fetch
from pipelines.requests.conversion import ConversionRequest
from pipelines.settings import PipelineSettings

SPEECH = Path(__file__).parents[3] / "goldens" / "speech" / "am_michael.flac"


@dataclass(frozen=True)
class Converter:
    """The three stages of the pipeline."""

    settings: PipelineSettings
    frontend: Any
    diffusion: Any
    vocoder: Any

    def segments(self, request: ConversionRequest) -> list[Any]:
        [segments] = self.frontend.prepare([request])
        return list(segments)

    def acoustics(self, segments: list[Any]) -> list[Any]:
        return list(self.diffusion.finish(self.diffusion.begin(segments)))

    def convert(self, request: ConversionRequest) -> Waveform:
        joiner = registry.joiner("seedvc", "revoice", self.settings)
        waves = self.vocoder.synthesize(self.acoustics(self.segments(request)))
        return np.concatenate([*(joiner.add(wave) for wave in waves), joiner.close()])


@pytest.fixture(scope="session")
def converter() -> Converter:
    settings = PipelineSettings(dtype="float32")
    fetch("revoice", settings)
    stages = (registry.load_frontend, registry.load_diffusion, registry.load_vocoder)
    return Converter(settings, *(load("seedvc", "revoice", settings) for load in stages))


@pytest.fixture(scope="session")
def speech() -> Recording:
    """A man who says a sentence."""
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    return Recording(samples, rate)
