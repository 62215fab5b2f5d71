"""Reference recordings of every kind, and their styles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio.recording import Recording
from pipelines.models.styletts2.published.references import ReferenceStyles
from pipelines.models.styletts2.style_encoder import (
    SHORTEST_FRAMES,
    TRIM_HOP,
    StyleEncoder,
    reference_mel,
    trim_bounds,
)
from pipelines.protocol import InvalidInput
from pipelines.reference_features import FeatureCache
from tests.pipelines.models.styletts2.conftest import Published, hum


@pytest.fixture(scope="module")
def styles(many_voices: Published) -> ReferenceStyles:
    return ReferenceStyles(many_voices.checkpoint, many_voices.settings)


def test_reference_styles_forms_of_one_recording_have_one_style(styles: ReferenceStyles) -> None:
    recording = hum(0)
    expected = styles(recording)
    stereo = np.stack([recording.samples] * 2, axis=1)
    pcm = np.round(recording.samples * 32767).astype(np.int16)
    for samples, tolerance in (
        (stereo, 1e-6),
        (pcm, 0.02),
        (recording.samples.astype(float), 1e-6),
    ):
        np.testing.assert_allclose(styles(Recording(samples, 24_000)), expected, atol=tolerance)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_reference_styles_any_rate_is_taken(styles: ReferenceStyles, rate: int) -> None:
    style = styles(hum(1, rate=rate))
    assert np.isfinite(style).all()
    assert style.dtype == np.float32


def test_reference_styles_silence_around_a_voice_changes_little(styles: ReferenceStyles) -> None:
    recording = hum(0, seconds=2.0)
    silence = np.zeros(12 * TRIM_HOP, np.float32)
    padded = np.concatenate([silence, recording.samples, silence])
    first, end = trim_bounds(padded)
    assert abs(first - len(silence)) <= 4 * TRIM_HOP
    assert abs(end - len(silence) - len(recording.samples)) <= 4 * TRIM_HOP
    difference = np.abs(styles(Recording(padded, 24_000)) - styles(recording)).max()
    other = np.abs(styles(hum(3, seconds=2.0)) - styles(recording)).max()
    assert difference < other


def test_reference_styles_silence_and_clipping_have_a_style(styles: ReferenceStyles) -> None:
    for samples in (np.zeros(30_000, np.float32), np.clip(20 * hum(0).samples, -1, 1)):
        assert np.isfinite(styles(Recording(samples, 24_000))).all()


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (np.zeros(0, np.float32), "audio_too_short"),
        (hum(0, seconds=0.1).samples, "audio_too_short"),
        (hum(0, seconds=0.79).samples, "audio_too_short"),
        (hum(0, seconds=61).samples, "audio_too_long"),
        (np.full(48_000, np.nan, np.float32), "bad_audio"),
        (np.zeros((2, 3, 48_000), np.float32), "bad_audio"),
        (np.array(["a"] * 48_000), "bad_audio"),
    ],
)
def test_reference_styles_what_has_no_style_is_refused(
    styles: ReferenceStyles, samples: np.ndarray, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        styles(Recording(samples, 24_000))
    assert (refused.value.field, refused.value.code) == ("reference", code)


def test_reference_styles_shortest_that_is_taken(styles: ReferenceStyles) -> None:
    steady = Recording(np.full(300 * (SHORTEST_FRAMES - 1), 0.5, np.float32), 24_000)
    assert styles(steady).shape == (40,)


def test_reference_styles_styles_are_remembered_up_to_a_size(many_voices: Published) -> None:
    cache = FeatureCache(most_bytes=2 * 40 * 4)
    styles = ReferenceStyles(many_voices.checkpoint, many_voices.settings, cache)
    first, second, third = (hum(voice, seconds=1.0) for voice in (5, 6, 7))
    outcomes = []
    for recording in (first, second, first, third, first, second):
        misses = cache.outcomes["miss"]
        styles(recording)
        outcomes.append(cache.outcomes["miss"] > misses)
    assert outcomes == [True, True, False, True, False, True]


def test_reference_styles_style_of_other_weights_is_not_taken(many_voices: Published) -> None:
    cache = FeatureCache()
    recording = hum(1, seconds=1.0)
    style = ReferenceStyles(many_voices.checkpoint, many_voices.settings, cache)(recording)

    def louder(prefixes: Sequence[str]) -> dict[str, torch.Tensor]:
        return {name: 1.1 * value for name, value in many_voices.checkpoint.read(prefixes).items()}

    trained_on = replace(many_voices.checkpoint, read=louder)
    other = ReferenceStyles(trained_on, many_voices.settings, cache)(recording)
    assert np.abs(other - style).max() > 1e-3
    assert cache.outcomes == {"miss": 2}


@given(st.integers(SHORTEST_FRAMES, 140))
@settings(max_examples=8, deadline=None)
@torch.inference_mode()
def test_reference_styles_any_number_of_frames_is_encoded(
    many_voices: Published, frames: int
) -> None:
    encoder = StyleEncoder(many_voices.checkpoint.config)
    many_voices.checkpoint.fill(encoder, "style_encoder.")
    assert encoder(torch.randn(1, 80, frames)).shape == (1, 20)


def test_mel_filters_reach_half_as_high_again_as_named() -> None:
    """They are laid out for 16 kHz, so that at 24 kHz the highest covers what is below 12 kHz."""
    time = torch.arange(24_000) / 24_000
    mel = reference_mel(torch.sin(2 * torch.pi * 11_500 * time)[None])
    assert mel.shape == (1, 80, 81)
    assert int(mel[0].mean(1).argmax()) == 79
