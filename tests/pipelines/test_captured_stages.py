"""A stage whose network is captured gives what it gives without, for batches that come and go.

A tape stands in for CUDA graphs; the rest is the way of a GPU, on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.tape import TapeCapturer
from pipelines.models.makeanaudio import stages
from pipelines.models.makeanaudio.checkpoint import MakeAnAudioFiles
from pipelines.models.makeanaudio.segments import SoundAcoustic, SoundSegment
from pipelines.models.makeanaudio.stages import MakeAnAudioDiffusion, MakeAnAudioVocoder
from pipelines.models.seedvc.checkpoint import load_estimator
from pipelines.models.seedvc.config import read_config
from pipelines.models.seedvc.flow_buckets import filling
from pipelines.models.seedvc.stages import SeedVCDiffusion
from pipelines.models.styletts2.checkpoint import published_checkpoint
from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion
from pipelines.models.styletts2.segments import SpeechSegment
from pipelines.requests.speech import Sampling
from pipelines.runtime import device
from pipelines.runtime.device import batched_everywhere, configure
from pipelines.settings import GraphSettings, PipelineSettings
from tests.pipelines.models.makeanaudio import goldens as sound_goldens
from tests.pipelines.models.seedvc.tiny import GOLDENS as CONVERSION_GOLDENS
from tests.pipelines.models.seedvc.tiny import random_segment
from tests.pipelines.models.styletts2.conftest import GOLDENS as SPEECH_GOLDENS

TOLERANCE = 2e-4
WINDOW = 64
SOUNDS = MakeAnAudioFiles.under(sound_goldens.folder())
CONVERSION = CONVERSION_GOLDENS / "vc22k"


def sounds(settings: PipelineSettings) -> tuple[Any, list[SoundSegment]]:
    width = SOUNDS.read_config().unet.context
    texts = np.random.default_rng(0).standard_normal((6, 77, width), np.float32)
    guided = [True, False, True, True, False, True]
    return MakeAnAudioDiffusion(SOUNDS, settings), [
        SoundSegment(0, seed, 8, text, -text if two else None, 4, 1.0 + 2 * two, 0)
        for seed, (text, two) in enumerate(zip(texts, guided, strict=True))
    ]


def flows(settings: PipelineSettings) -> tuple[Any, list[Any]]:
    config = read_config(CONVERSION / "config.yml")
    estimator = load_estimator(CONVERSION / "model.pth", config, settings.cache)
    stage = SeedVCDiffusion(estimator, configure(settings), WINDOW)
    stage.warm_up()
    lengths = [(9, 55), (9, 55), (9, 40), (20, 44), (9, 55), (7, 30)]
    return stage, [
        random_segment(config, seed, *length, steps=4, guidance=0.7 * (seed % 3))
        for seed, length in enumerate(lengths)
    ]


def styles(settings: PipelineSettings) -> tuple[Any, list[SpeechSegment]]:
    checkpoint = published_checkpoint(SPEECH_GOLDENS / "libritts", settings)
    noise = np.random.default_rng(0)
    return StyleTTS2Diffusion(checkpoint, settings), [
        SpeechSegment(
            index=0,
            seed=seed,
            length=length,
            text="",
            tokens=noise.integers(1, checkpoint.config.symbols, length),
            style=noise.standard_normal(2 * checkpoint.config.style, np.float32),
            speed=1.0,
            sampling=Sampling(noise_levels=5, scale=1.0 + seed % 2),
        )
        for seed, length in enumerate([20, 25, 31, 40, 12, 32])
    ]


STAGES: dict[str, Callable[[PipelineSettings], tuple[Any, list[Any]]]] = {
    "sounds": sounds,
    "flows": flows,
    "styles": styles,
}


@pytest.fixture(autouse=True)
def capturers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[TapeCapturer]]:
    """Those of the stages that are loaded."""
    made: list[TapeCapturer] = []

    def make(_device: object) -> TapeCapturer:
        made.append(TapeCapturer())
        return made[-1]

    monkeypatch.setitem(device.CAPTURERS, "cpu", make)
    monkeypatch.setattr(stages, "USUAL_WIDTH", 4)
    with batched_everywhere():
        yield made


def run(stage: Any, segments: Sequence[Any]) -> list[Any]:
    """Three members; one leaves after a step, and three join after the next."""
    states = list(stage.begin(segments[:3]))
    stage.step(states)
    states.pop(1)
    stage.step(states)
    states += stage.begin(segments[3:])
    done: list[Any] = []
    while states:
        stage.step(states)
        if ready := [state for state in states if not state.steps_left]:
            done += stage.finish(ready)
        states = [state for state in states if state.steps_left]
    return done


@pytest.mark.parametrize("name", STAGES)
def test_a_captured_sampler_gives_what_it_gives_without(
    name: str, capturers: list[TapeCapturer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = PipelineSettings(tmp_path, dtype="float32", chunk_characters=31)
    stage, segments = STAGES[name](plain)
    expected = run(stage, segments)
    graphs = GraphSettings(memory_mb=1 << 20, max_batch=2, max_length=300)
    stage, segments = STAGES[name](replace(plain, graphs=graphs))
    [capturer] = capturers
    assert capturer.tapes
    for _ in range(3):
        before = len(capturer.tapes)
        for one, other in zip(run(stage, segments), expected, strict=True):
            for field in ("mel", "style", "asr"):
                if (found := getattr(one, field, None)) is not None:
                    np.testing.assert_allclose(found, getattr(other, field), atol=TOLERANCE)
    # All shapes were met twice in the first two runs.
    assert before == len(capturer.tapes) > 1
    assert "without a graph" not in caplog.text


def test_a_captured_vocoder_gives_what_it_gives_without(
    capturers: list[TapeCapturer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = PipelineSettings(tmp_path, dtype="float32", convolutions="plain")
    graphs = GraphSettings(memory_mb=1 << 20)
    without = MakeAnAudioVocoder(SOUNDS, plain)
    vocoder = MakeAnAudioVocoder(SOUNDS, replace(plain, graphs=graphs))
    noise = np.random.default_rng(0).standard_normal
    for lengths in ((16, 24, 16), (16, 16), (24,), (16, 16), (24,), (24, 24)):
        acoustics = [
            SoundAcoustic(0, 0, length, noise((without._model.mels, length), np.float32), 0)
            for length in lengths
        ]
        pairs = zip(vocoder.synthesize(acoustics), without.synthesize(acoustics), strict=True)
        for one, other in pairs:
            np.testing.assert_allclose(one, other, atol=TOLERANCE)
    # That of the start, two sounds of 16 frames, and one of 24.
    assert len(capturers[0].tapes) == 3
    assert "without a graph" not in caplog.text


def test_batches_of_flows_have_few_shapes() -> None:
    window = 2580
    noise = np.random.default_rng(0)
    for members in range(1, 33):
        lengths = [window, *noise.integers(30, window, members - 1)]
        filled = filling(lengths, window)
        half = filled.longest // 2
        assert 0 < min(filled.added) <= max(filled.added) <= filled.longest
        assert (sum(lengths) + sum(filled.added)) % half == 0
        assert sum(filled.added) < half + len(filled.added)
    # Full windows are hardly filled up.
    assert filling([window] * 32, window).added == (384,)
    padded = {filling([length], window).longest for length in range(30, window + 1)}
    assert len(padded) <= 4 * 7
    assert all(filling([length], window).longest < 1.2 * length + 17 for length in range(30, 3000))
