"""What stages try themselves with before they are ready."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipelines import registry
from pipelines.protocol import HasExample, uttered
from pipelines.settings import PipelineSettings
from tests.pipelines.tiny_models import install_libritts, install_ljspeech

INSTALL = {"styletts2-libritts": install_libritts, "styletts2-ljspeech": install_ljspeech}


@pytest.mark.parametrize(
    ("service", "model"),
    [
        ("styletts2", "kokoro"),
        ("styletts2", "styletts2-libritts"),
        ("styletts2", "styletts2-ljspeech"),
        ("seedvc", "revoice"),
    ],
)
def test_examples_pass_through_their_stages(service: str, model: str, tmp_path: Path) -> None:
    settings = PipelineSettings()
    if model in INSTALL:
        shutil.copy(settings.checkpoints / "manifest.toml", tmp_path)
        settings = PipelineSettings(checkpoints=tmp_path)
        INSTALL[model](settings.models / model)
    else:
        registry.fetch(model, settings)
    diffusion = registry.load_diffusion(service, model, settings)
    assert isinstance(diffusion, HasExample)
    states = diffusion.begin([diffusion.example()])
    while states[0].steps_left:
        diffusion.step(states)
    vocoder = registry.load_vocoder(service, model, settings)
    assert isinstance(vocoder, HasExample)
    made = uttered(vocoder, [*diffusion.finish(states), vocoder.example()])
    assert [len(each.waveform) / vocoder.sample_rate > 0.2 for each in made] == [True, True]
    assert all(np.isfinite(each.waveform).all() for each in made)
