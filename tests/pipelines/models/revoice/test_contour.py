from __future__ import annotations

import numpy as np
import pytest

from pipelines.models.revoice.contour import SILENT_HZ, filled, sampled, shift

RISING = np.array([0, 100, 120, 0, 0, 140, 160, 180], np.float32)


def test_contour_median_becomes_that_of_the_voice_and_the_melody_stays() -> None:
    first, second = shift([RISING, RISING[2:]], 210.0, 0.0)
    voiced = np.concatenate([first[first > 0], second[second > 0]])
    assert np.median(voiced) == pytest.approx(210.0, rel=1e-6)
    np.testing.assert_allclose(first[RISING > 0] / first[1], RISING[RISING > 0] / 100, rtol=1e-6)
    assert (first[RISING == 0] == 0).all()


def test_contour_semitones_go_beyond_the_register() -> None:
    [plain], [higher] = (shift([RISING], 120.0, semitones) for semitones in (0.0, 12.0))
    np.testing.assert_allclose(higher, 2 * plain, rtol=1e-6)


def test_contour_source_without_a_voice_keeps_its_silence() -> None:
    [none] = shift([np.zeros(4, np.float32)], 200.0, 0.0)
    assert (filled(none, np.full(4, 9, np.float32)) == SILENT_HZ).all()


def test_contour_gaps_are_closed_in_speech_and_left_in_silence() -> None:
    energy = np.array([-5, 6, 6, 4, -5, 6, 6, 6], np.float32)
    contour = filled(RISING, energy)
    assert contour[0] == contour[4] == SILENT_HZ
    assert 120 < contour[3] < 140, "a consonant between two vowels"
    np.testing.assert_allclose(contour[[1, 2, 5, 6, 7]], RISING[[1, 2, 5, 6, 7]], rtol=1e-6)


def test_a_contour_is_looked_up_and_never_mixed_with_silence() -> None:
    pitch = np.array([100, 0, 200], np.float32)
    times = np.array([0.0, 0.009, 0.0101, 0.025, 0.5])
    np.testing.assert_array_equal(sampled(pitch, 100.0, times), [100, 100, 0, 200, 200])
    assert (sampled(np.zeros(0, np.float32), 100.0, times) == 0).all()
