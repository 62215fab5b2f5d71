from __future__ import annotations

import numpy as np

from pipelines.models.revoice.levels import FLOOR, HOP, SAMPLE_RATE, levels


def test_levels_do_not_depend_on_the_volume() -> None:
    wave = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    wave[: SAMPLE_RATE // 2] *= 0.1
    first, second = levels(0.5 * wave), levels(0.005 * wave)
    assert len(first) == SAMPLE_RATE // HOP
    np.testing.assert_allclose(first, second, atol=1e-4)
    assert np.median(first[45:]) > -0.3
    assert abs(np.median(first[:35]) - np.median(first[45:]) + np.log(10)) < 0.1


def test_levels_silence_is_at_the_floor() -> None:
    wave = np.zeros(SAMPLE_RATE, np.float32)
    wave[-SAMPLE_RATE // 2 :] = 0.5
    assert (levels(wave)[:35] == FLOOR).all()
    assert len(levels(wave[: HOP - 1])) == 0
