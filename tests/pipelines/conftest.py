"""The real model, made once for a test session; its weights stay in the checkpoints' cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from pipelines.protocol import Diffusion, Vocoder
from pipelines.registry import fetch, load_diffusion, load_vocoder
from pipelines.runtime.device import batched_everywhere
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


@pytest.fixture(params=["in_blocks", "whole_batches"])
def either_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Once as on a CPU, once as on a GPU."""
    with nullcontext() if request.param == "in_blocks" else batched_everywhere():
        yield
