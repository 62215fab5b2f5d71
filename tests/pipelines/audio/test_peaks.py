from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.audio.peaks import PAIRS, Peaks


def outline(samples: NDArray[np.float32], block: int) -> NDArray[np.int8]:
    """`[pairs, 2]`, of samples given in blocks."""
    peaks = Peaks()
    for start in range(0, len(samples), block):
        peaks.add(samples[start : start + block])
    return np.frombuffer(peaks.pairs(), np.int8).reshape(-1, 2)


@pytest.mark.parametrize("count", [1, 7, 999, 1_000, 12_000, 64_001, 700_000])
def test_peaks_have_a_fixed_number_and_the_extremes(count: int) -> None:
    samples = np.random.default_rng(count).uniform(-0.8, 0.5, count).astype(np.float32)
    pairs = outline(samples, 4_801)
    assert pairs.shape == (PAIRS, 2)
    assert pairs[:, 0].min() == np.rint(samples.min() * 127)
    assert pairs[:, 1].max() == np.rint(samples.max() * 127)
    assert (pairs[:, 0] <= pairs[:, 1]).all()


def test_peaks_do_not_depend_on_the_blocks() -> None:
    samples = np.sin(np.linspace(0, 900, 300_000)).astype(np.float32)
    np.testing.assert_array_equal(outline(samples, 300_000), outline(samples, 777))


def test_peaks_are_where_the_sound_is() -> None:
    samples = np.zeros(1_000_000, np.float32)
    samples[500_000:600_000] = 0.5
    pairs = outline(samples, 10_000)
    loud = np.flatnonzero(pairs[:, 1])
    assert abs(loud[0] - 500) <= 1
    assert abs(loud[-1] - 599) <= 1


def test_peaks_of_an_hour_take_little_memory() -> None:
    peaks = Peaks()
    for _ in range(360):
        peaks.add(np.ones(240_000, np.float32))
    kept = sum(each.nbytes for each in peaks._bins)
    assert kept <= 8 * 8 * PAIRS


def test_peaks_clip_and_may_be_empty() -> None:
    peaks = Peaks()
    assert peaks.pairs() == b""
    peaks.add(np.array([-3, 3], np.float32))
    assert set(np.frombuffer(peaks.pairs(), np.int8).tolist()) <= {-127, 127}
