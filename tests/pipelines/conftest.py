"""The real model, made once for a test session; its weights stay in the checkpoints' cache."""

from __future__ import annotations

import pytest

from pipelines.protocol import Diffusion, Vocoder
from pipelines.registry import fetch, load_diffusion, load_vocoder
from pipelines.settings import PipelineSettings


@pytest.fixture(scope="session")
def settings() -> PipelineSettings:
    settings = PipelineSettings()
    fetch("kokoro", settings)
    return settings


@pytest.fixture(scope="session")
def diffusion(settings: PipelineSettings) -> Diffusion:
    return load_diffusion("styletts2", "kokoro", settings)


@pytest.fixture(scope="session")
def vocoder(settings: PipelineSettings) -> Vocoder:
    return load_vocoder("styletts2", "kokoro", settings)
