import numpy as np
import pytest

from pipelines.audio.stretching import stretched

RATE = 24_000


def voice(seconds: float = 1.5) -> np.ndarray:
    """Harmonics of 140 Hz that swell and fade."""
    time = np.arange(round(seconds * RATE)) / RATE
    harmonics = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 12))
    return (0.15 * harmonics * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def pitch(wave: np.ndarray) -> float:
    middle = wave[len(wave) // 4 : len(wave) // 4 + 8192]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 16))
    band = slice(round(90 * (1 << 16) / RATE), round(200 * (1 << 16) / RATE))
    return (band.start + int(spectrum[band].argmax())) * RATE / (1 << 16)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 1.5, 2.0, 2.7])
def test_speed_changes_and_pitch_does_not(factor: float):
    wave = voice()
    result = stretched(wave, factor, RATE)
    assert len(result) == round(len(wave) / factor)
    assert pitch(result) == pytest.approx(140, abs=3)
    level = np.sqrt(np.mean(result**2)) / np.sqrt(np.mean(wave**2))
    assert level == pytest.approx(1, abs=0.15)


def test_speed_one_changes_nothing():
    wave = voice()
    assert np.array_equal(stretched(wave, 1.0, RATE), wave)


@pytest.mark.parametrize("samples", [0, 1, 100, 700])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_scraps_have_the_length_that_is_asked_for(samples: int, factor: float):
    assert len(stretched(np.ones(samples, np.float32), factor, RATE)) == round(samples / factor)


def test_nothing_is_left_out():
    wave = np.zeros(RATE, np.float32)
    for second in (0.1, 0.35, 0.6, 0.85):
        begin = round(second * RATE)
        wave[begin : begin + 1200] = 0.5 * np.sin(2 * np.pi * 200 / RATE * np.arange(1200))
    result = np.abs(stretched(wave, 2.0, RATE))
    smooth = np.convolve(result, np.ones(240) / 240, "same") > 0.05
    assert np.count_nonzero(np.diff(smooth.astype(int)) == 1) == 4
