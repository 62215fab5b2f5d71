from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.audio.joining import LevelNormalizer
from pipelines.protocol import Waveform

RATE = 16_000


def wave_of(kind: str, seconds: float, gain: float, seed: int) -> Waveform:
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    if kind == "noise":
        wave = rng.standard_normal(count)
    elif kind == "tone":
        wave = np.sin(2 * np.pi * 440 * np.arange(count) / RATE)
    else:
        wave = np.zeros(count)
        wave[:: RATE // 7] = 1.0
    return (gain * wave).astype(np.float32)


@given(
    kind=st.sampled_from(("noise", "tone", "clicks")),
    seconds=st.floats(0.01, 3.0),
    gain=st.floats(1e-3, 100.0),
    level=st.floats(-40.0, -16.0),
    seed=st.integers(0, 1000),
)
def test_level_normalizer_nothing_clips_and_the_level_is_that_of_the_setting(
    kind: str, seconds: float, gain: float, level: float, seed: int
) -> None:
    joiner = LevelNormalizer(level, RATE)
    result = joiner.add(wave_of(kind, seconds, gain, seed))
    assert result.dtype == np.float32
    assert np.abs(result).max() < 1.0
    found = joiner.level_of(result)
    assert found <= level + 0.5
    # Single samples cannot be as loud as that without clipping.
    if kind != "clicks":
        assert found == pytest.approx(level, abs=0.5)
    assert len(joiner.close()) == 0


def test_level_normalizer_silence_is_left_alone() -> None:
    wave = np.zeros(100, np.float32)
    np.testing.assert_array_equal(LevelNormalizer(-23.0, RATE).add(wave), wave)
