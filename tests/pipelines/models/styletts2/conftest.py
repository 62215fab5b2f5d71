"""Reduced models of the published layouts, each as its three stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.audio.recording import Recording
from pipelines.models.styletts2.checkpoint import Checkpoint, published_checkpoint
from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion
from pipelines.models.styletts2.frontend import StyleTTS2Frontend
from pipelines.models.styletts2.published.references import published_frontend
from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder
from pipelines.requests.speech import Sampling, StyledRequest
from pipelines.settings import PipelineSettings

GOLDENS = Path(__file__).parents[3] / "goldens" / "styletts2"
VARIANTS = ("libritts", "ljspeech")


@dataclass(frozen=True)
class Published:
    """A model of a published layout and its stages."""

    folder: Path
    settings: PipelineSettings
    checkpoint: Checkpoint
    frontend: StyleTTS2Frontend
    diffusion: StyleTTS2Diffusion
    vocoder: StyleTTS2Vocoder

    def request(
        self, text: str, sampling: Sampling | None = None, voice: int = 0, **fields: Any
    ) -> StyledRequest:
        """With a reference recording where the model takes one, another for each `voice`."""
        reference = hum(voice) if self.checkpoint.config.multispeaker else None
        return StyledRequest(text, reference=reference, sampling=sampling or Sampling(), **fields)

    def segments(self, requests: Sequence[StyledRequest]) -> list[Any]:
        """Of requests that are one segment each."""
        return [segment for (segment,) in self.frontend.prepare(requests)]

    def denoised(self, segments: Sequence[Any]) -> list[Any]:
        states: list[Any] = list(self.diffusion.begin(segments))
        while running := [state for state in states if state.steps_left]:
            self.diffusion.step(running)
        return states

    def acoustics(self, segments: Sequence[Any]) -> list[Any]:
        return list(self.diffusion.finish(self.denoised(segments)))


def hum(voice: int, seconds: float = 1.5, rate: int = 24_000) -> Recording:
    """A harmonic tone whose pitch and timbre depend on `voice`."""
    time = np.arange(round(seconds * rate)) / rate
    pitch = 90 + 35 * voice + 8 * np.sin(2 * np.pi * 3 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    partials = [np.sin(n * phase) / n ** (1 + 0.3 * voice) for n in range(1, 12)]
    return Recording((0.2 * np.sum(partials, axis=0)).astype(np.float32), rate)


def published(variant: str, cache: Path, dtype: str = "float32") -> Published:
    settings = PipelineSettings(checkpoints=cache, dtype=dtype)
    checkpoint = published_checkpoint(GOLDENS / variant, settings)
    return Published(
        GOLDENS / variant,
        settings,
        checkpoint,
        published_frontend(checkpoint, settings),
        StyleTTS2Diffusion(checkpoint, settings),
        StyleTTS2Vocoder(checkpoint, settings),
    )


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="session", params=VARIANTS)
def model(request: pytest.FixtureRequest, cache: Path) -> Published:
    return published(request.param, cache)


@pytest.fixture(scope="session")
def many_voices(cache: Path) -> Published:
    return published("libritts", cache)
