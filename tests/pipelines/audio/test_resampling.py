from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio.fbank import log_filter_bank
from pipelines.audio.resampling import sinc_resample

RATES = (8000, 16000, 22050, 24000, 44100, 48000)


@settings(deadline=None)
@given(samples=st.integers(800, 5000), source=st.sampled_from(RATES), target=st.sampled_from(RATES))
def test_sinc_resample_resampled_lengths(samples: int, source: int, target: int) -> None:
    resampled = sinc_resample(torch.zeros(2, samples), source, target)
    assert resampled.shape == (2, -(-samples * target // source))


@pytest.mark.parametrize("source", [22050, 44100])
def test_sinc_resample_tone_survives_and_what_16_khz_cannot_hold_does_not(source: int) -> None:
    time = torch.arange(source) / source
    expected = torch.sin(2 * torch.pi * 1000 * torch.arange(16000) / 16000)
    kept = sinc_resample(torch.sin(2 * torch.pi * 1000 * time)[None], source, 16000)[0]
    inside = slice(200, -200)
    torch.testing.assert_close(kept[inside], expected[inside], rtol=0, atol=2e-3)
    removed = sinc_resample(torch.sin(2 * torch.pi * 10500 * time)[None], source, 16000)[0]
    assert removed[inside].abs().max() < 0.02


def test_sinc_resample_equal_rate_changes_nothing() -> None:
    wave = torch.randn(1, 100)
    assert sinc_resample(wave, 16000, 16000) is wave


@given(samples=st.integers(400, 4000))
def test_filter_bank_frames(samples: int) -> None:
    frames = log_filter_bank(torch.zeros(samples))
    assert frames.shape == (1 + (samples - 400) // 160, 80)
    # Silence is at the floor of the logarithm.
    torch.testing.assert_close(frames, torch.full_like(frames, float(np.log(2.0**-23))))
