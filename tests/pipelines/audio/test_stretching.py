import numpy as np
import pytest
import torch

from pipelines.audio.stretching import cycles_of, stretched
from pipelines.networks.vocoders.source import HarmonicSource

RATE = 24_000


def cycles(samples: int, hertz: float) -> np.ndarray:
    return cycles_of(np.full(1 + samples // 300, hertz, np.float32), 300, RATE)[:samples]


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
    result = stretched(wave, factor, RATE, cycles(len(wave), 140))
    assert len(result) == round(len(wave) / factor)
    assert pitch(result) == pytest.approx(140, abs=3)
    level = np.sqrt(np.mean(result**2)) / np.sqrt(np.mean(wave**2))
    assert level == pytest.approx(1, abs=0.15)


def test_speed_one_changes_nothing():
    wave = voice()
    assert np.array_equal(stretched(wave, 1.0, RATE, cycles(len(wave), 140)), wave)


@pytest.mark.parametrize("samples", [0, 1, 100, 700])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_scraps_have_the_length_that_is_asked_for(samples: int, factor: float):
    wave = np.ones(samples, np.float32)
    result = stretched(wave, factor, RATE, cycles(samples, 140))
    assert len(result) == round(samples / factor)


def test_nothing_is_left_out():
    wave = np.zeros(RATE, np.float32)
    for second in (0.1, 0.35, 0.6, 0.85):
        begin = round(second * RATE)
        wave[begin : begin + 1200] = 0.5 * np.sin(2 * np.pi * 200 / RATE * np.arange(1200))
    result = np.abs(stretched(wave, 2.0, RATE, cycles(RATE, 200)))
    smooth = np.convolve(result, np.ones(240) / 240, "same") > 0.05
    assert np.count_nonzero(np.diff(smooth.astype(int)) == 1) == 4


@pytest.mark.parametrize("factor", [0.6, 1.4, 2.7])
def test_cycles_that_join_are_whole(factor: float):
    """A steady voice stays what it was: at the joins nothing is extinguished."""
    wave = np.sin(2 * np.pi * 140 / RATE * np.arange(RATE)).astype(np.float32)
    result = stretched(wave, factor, RATE, cycles(RATE, 140))
    inside = result[RATE // 20 : -RATE // 20]
    peaks = np.abs(inside[: len(inside) // 172 * 172].reshape(-1, 172)).max(axis=1)
    assert peaks.min() > 0.98


@pytest.mark.parametrize("factor", [0.6, 1.4, 2.7])
def test_what_rounding_does_to_a_waveform_does_not_move_its_frames(factor: float):
    wave, noise = voice(), np.random.default_rng(1)
    other = wave + noise.normal(0, 0.01, len(wave)).astype(np.float32)
    spans = cycles(len(wave), 140)
    difference = stretched(other, factor, RATE, spans) - stretched(wave, factor, RATE, spans)
    assert np.sqrt(np.mean(np.square(difference))) < 0.0101


def test_cycles_are_those_of_the_harmonic_source():
    f0 = np.array([100.0, 120.0, 0.0, 240.0, 240.0], np.float32)
    source = HarmonicSource(RATE, 300).phases(torch.from_numpy(f0)[None])[0, 0] / (2 * np.pi)
    np.testing.assert_allclose(cycles_of(f0, 300, RATE), source.numpy(), atol=1e-5)
