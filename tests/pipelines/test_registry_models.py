"""Each model through its three stages as the registry loads them, without a graph round them.

The checkpoints have the official layout and reduced widths.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipelines import registry
from pipelines.audio.recording import Recording
from pipelines.bare import BarePipeline
from pipelines.protocol import Waveform
from pipelines.requests.conversion import ConversionRequest
from pipelines.requests.sound import SoundRequest
from pipelines.requests.speech import StyledRequest
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import WeightsMissing
from tests.pipelines.models.seedvc.tiny import buzz
from tests.pipelines.tiny_models import (
    install_libritts,
    install_ljspeech,
    install_singing,
    install_sounds,
    install_speech,
)


@dataclass(frozen=True)
class Case:
    service: str
    pipeline: str
    install: Callable[[Path], None]
    request: Any
    samples: int | None
    """`None` where the model decides."""

    def __str__(self) -> str:
        return self.pipeline


SPEECH = Path(__file__).parents[1] / "goldens" / "speech" / "am_michael.flac"


def spoken(seconds: float) -> Recording:
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    start = int(0.5 * rate)
    return Recording(samples[start : start + int(seconds * rate)], rate)


CONVERSION = ConversionRequest(spoken(1.0), buzz(0.8, pitch=190.0), steps=2)
SENTENCE = StyledRequest("Good morning, everyone.", reference=buzz(1.5, 24_000))
CASES = (
    Case("styletts2", "styletts2-libritts", install_libritts, SENTENCE, None),
    Case("styletts2", "styletts2-ljspeech", install_ljspeech, SENTENCE, None),
    Case("seedvc", "seed-vc", install_speech, CONVERSION, 22_050 // 256 * 256),
    Case(
        "seedvc",
        "seed-vc-f0",
        install_singing,
        replace(CONVERSION, match_pitch=True),
        44_100 // 512 * 512,
    ),
    Case(
        "make-an-audio",
        "make-an-audio",
        install_sounds,
        SoundRequest("A dog barks twice.", seconds=1.0, steps=10),
        8 * 2048,
    ),
)


@pytest.fixture
def settings(tmp_path: Path) -> PipelineSettings:
    manifest = PipelineSettings().checkpoints / "manifest.toml"
    shutil.copy(manifest, tmp_path / "manifest.toml")
    return PipelineSettings(checkpoints=tmp_path, dtype="float32")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_registry_model_runs_through_its_three_stages(
    case: Case, settings: PipelineSettings
) -> None:
    names = (case.service, case.pipeline)
    assert not registry.installed(case.pipeline, settings)
    with pytest.raises(WeightsMissing, match=f"bernie fetch {case.pipeline}$"):
        registry.load_vocoder(*names, settings)
    case.install(settings.models / case.pipeline)
    assert registry.installed(case.pipeline, settings)

    model = BarePipeline(*names, settings)

    def generated(request: Any) -> Waveform:
        registry.check(*names, request, settings)
        return model.clip(request)

    wave = generated(case.request)
    assert model.sample_rate == registry.sample_rate(*names)
    assert wave.dtype == np.float32
    assert wave.shape == (case.samples or len(wave),)
    assert len(wave) > 0.2 * model.sample_rate
    assert np.isfinite(wave).all()
    assert wave.std() > 1e-3
    np.testing.assert_array_equal(wave, generated(case.request))
    other = generated(replace(case.request, seed=1))
    assert len(other) != len(wave) or np.abs(other - wave).max() > 1e-3


def test_registry_http_process_needs_no_torch() -> None:
    program = """
import sys
from pipelines import registry
from pipelines.requests.sound import SoundRequest
from pipelines.settings import PipelineSettings
from pipelines.requests.speech import StyledRequest

settings = PipelineSettings()
for service, pipelines in registry.SERVICES.items():
    for pipeline in pipelines:
        registry.joiner(service, pipeline, settings)
        registry.sample_rate(service, pipeline)
        registry.installed(pipeline, settings)
registry.check("make-an-audio", "make-an-audio", SoundRequest("Rain."), settings)
registry.check("styletts2", "styletts2-ljspeech", StyledRequest("Rain."), settings)
sys.exit(bool({"torch", "transformers", "huggingface_hub"} & sys.modules.keys()))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
