"""A padded batch gives each member what it gives alone: frames, F0 and waveform.

The waveforms are compared with the source's noise off, because noise hides differences; that noise
does not depend on batch mates is a test of its own. Speech is fast here to save time, and because
the waveform is then shortened beyond what the model does itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.audio.edges import Edges
from pipelines.models.styletts2.segments import SpeechAcoustic, SpeechSegment
from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder
from pipelines.protocol import Diffusion, SpeechRequest
from pipelines.registry import load_frontend
from pipelines.settings import PipelineSettings

VOICES = ["af_heart", "am_michael", "bf_emma:0.6+bm_george:0.4", "af_nicole"]
CHARACTERS = [125, 5, 84, 12, 49]
TEXT = (
    "Hello from the harbour, where seven small boats came home at dawn with nets full of herring "
    "and one very surprised grey seal."
)


@pytest.fixture(scope="module")
def segments(settings: PipelineSettings) -> list[SpeechSegment]:
    """Five segments of 5 to 125 characters, each with a voice of its own."""
    frontend = load_frontend("styletts2", "kokoro", settings)
    requests = [
        SpeechRequest(TEXT[:size].strip(), VOICES[i % len(VOICES)], speed=3.0, seed=i)
        for i, size in enumerate(CHARACTERS)
    ]
    prepared: Any = frontend.prepare(requests)
    edges = Edges(before=0.1, after=0.05, cut_start=True, cut_end=True)
    return [replace(segment, edges=edges) for [segment] in prepared]


@pytest.fixture(scope="module")
def alone(diffusion: Diffusion, segments: list[SpeechSegment]) -> list[SpeechAcoustic]:
    return [_finished(diffusion, [segment])[0] for segment in segments]


@pytest.fixture(scope="module")
def waves(vocoder: StyleTTS2Vocoder, alone: list[SpeechAcoustic]) -> list[np.ndarray]:
    return [vocoder.synthesize([each], noise=False)[0] for each in alone]


def test_kokoro_lengths_span_what_chunks_are(segments: list[SpeechSegment]) -> None:
    sizes = [len(segment.text) for segment in segments]
    assert min(sizes) <= 5
    assert max(sizes) >= 120


def test_kokoro_acoustics_of_a_batch_equal_those_alone(
    diffusion: Diffusion, segments: list[SpeechSegment], alone: list[SpeechAcoustic]
) -> None:
    for batched, single in zip(_finished(diffusion, segments), alone, strict=True):
        assert batched.length == single.length
        assert batched.asr.shape == (512, single.length)
        np.testing.assert_allclose(batched.f0, single.f0, rtol=1e-3, atol=0.02)
        np.testing.assert_allclose(batched.energy, single.energy, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(batched.asr, single.asr, atol=1e-4)


def test_kokoro_waveforms_of_a_batch_equal_those_alone(
    vocoder: StyleTTS2Vocoder, alone: list[SpeechAcoustic], waves: list[np.ndarray]
) -> None:
    together = vocoder.synthesize(alone, noise=False)
    for batched, single in zip(together, waves, strict=True):
        assert batched.shape == single.shape
        assert _snr(single, batched) >= 25


def test_kokoro_noise_depends_on_the_seed_alone(
    vocoder: StyleTTS2Vocoder, alone: list[SpeechAcoustic]
) -> None:
    short, other = alone[1], alone[3]
    first = vocoder.synthesize([short])[0]
    again = vocoder.synthesize([other, short])[1]
    without = vocoder.synthesize([short], noise=False)[0]
    assert _snr(first, again) >= 25
    assert _snr(first, without) < 25


def _finished(diffusion: Diffusion, segments: list[SpeechSegment]) -> list[Any]:
    return diffusion.finish(diffusion.begin(segments))


def _snr(reference: np.ndarray, other: np.ndarray) -> float:
    """Decibels."""
    error = np.sum((reference - other) ** 2)
    return float(10 * np.log10(np.sum(reference**2) / max(error, 1e-20)))
