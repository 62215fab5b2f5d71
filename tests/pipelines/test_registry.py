from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines import registry
from pipelines.protocol import InvalidInput, SpeechRequest
from pipelines.settings import PipelineSettings
from pipelines.weights import checkpoints
from pipelines.weights.checkpoints import WeightsMissing
from pipelines.weights.manifest import PackagedWeights

SETTINGS = PipelineSettings(chunk_characters=40)


def test_noop_stages_speak_tones_as_long_as_the_text() -> None:
    frontend = registry.load_frontend("styletts2", "noop", SETTINGS)
    diffusion = registry.load_diffusion("styletts2", "noop", SETTINGS)
    vocoder = registry.load_vocoder("styletts2", "noop", SETTINGS)
    joiner = registry.joiner("styletts2", "noop", SETTINGS)
    [segments] = frontend.prepare([SpeechRequest("x" * 100, "woman")])
    assert [segment.length for segment in segments] == [40, 40, 20]
    waves = vocoder.synthesize(diffusion.finish(diffusion.begin(segments)))
    assert vocoder.sample_rate == registry.sample_rate("styletts2", "noop")
    assert len(waves[0]) == 2 * len(waves[2])
    joined = np.concatenate([*(joiner.add(wave) for wave in waves), joiner.close()])
    assert len(joined) == sum(len(wave) for wave in waves) + 2 * 7200
    assert 0.05 < np.abs(joined).max() <= 0.1


def test_noop_refuses_blank_text() -> None:
    with pytest.raises(InvalidInput, match="nothing to say"):
        registry.check("styletts2", "noop", SpeechRequest("  ", "woman"), SETTINGS)


def test_registry_kokoro_speaks_from_text_to_samples(
    settings: PipelineSettings, diffusion: Any, vocoder: Any
) -> None:
    frontend = registry.load_frontend("styletts2", "kokoro", settings)
    [segments] = frontend.prepare([SpeechRequest("Good morning.", "andreas", speed=1.2)])
    [wave] = vocoder.synthesize(diffusion.finish(diffusion.begin(segments)))
    assert vocoder.sample_rate == registry.sample_rate("styletts2", "kokoro") == 24_000
    assert wave.dtype == np.float32
    assert wave.ndim == 1
    assert 0.5 < len(wave) / 24_000 < 3
    assert 0.01 < wave.std() < 0.3
    assert np.abs(wave).max() <= 1


def test_registry_unknown_names() -> None:
    with pytest.raises(KeyError, match="no pipeline 'kokoro'"):
        registry.load_frontend("seedvc", "kokoro", SETTINGS)
    with pytest.raises(KeyError, match="no pipeline 'tacotron'"):
        registry.installed("tacotron", SETTINGS)


def test_registry_missing_weights_name_the_command(tmp_path: Any) -> None:
    (tmp_path / "manifest.toml").write_bytes((SETTINGS.checkpoints / "manifest.toml").read_bytes())
    with pytest.raises(WeightsMissing, match="bernie fetch kokoro"):
        registry.load_vocoder("styletts2", "kokoro", PipelineSettings(checkpoints=tmp_path))
    assert not registry.installed("kokoro", PipelineSettings(checkpoints=tmp_path))
    assert registry.installed("noop", PipelineSettings(checkpoints=tmp_path))


def test_registry_has_a_converter_for_all_packaged_weights() -> None:
    entries = checkpoints.manifest(PipelineSettings())
    packaged = {name for name, entry in entries.items() if isinstance(entry, PackagedWeights)}
    assert packaged
    assert registry.converters().keys() == packaged
