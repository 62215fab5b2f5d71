import numpy as np

from pipelines.audio.clipping import CEILING, soft_clipped


def test_soft_clipped_leaves_what_is_below_the_knee() -> None:
    quiet = np.linspace(-0.9, 0.9, 100, dtype=np.float32)
    assert soft_clipped(quiet, 0.9) is quiet
    assert len(soft_clipped(quiet[:0], 0.9)) == 0


def test_soft_clipped_bends_peaks_without_a_corner() -> None:
    ramp = np.linspace(-3, 3, 6001, dtype=np.float32)
    bent = soft_clipped(ramp, 0.9)
    assert bent.dtype == np.float32
    assert np.abs(bent).max() <= CEILING
    np.testing.assert_array_equal(bent[np.abs(ramp) <= 0.9], ramp[np.abs(ramp) <= 0.9])
    steps = np.diff(bent.astype(np.float64)) / 0.001
    assert steps.min() >= 0
    assert np.abs(np.diff(steps)).max() < 0.05, "the slope changes little by little"
