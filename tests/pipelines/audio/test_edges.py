import numpy as np
import pytest

from pipelines.audio.edges import MARGIN_SECONDS, QUIET, WHOLE, Edges, kept, with_pauses

RATE = 24_000
STEP = 300


def energies(wave: np.ndarray) -> np.ndarray:
    """The natural logarithm of the power of each `STEP` samples."""
    powers = np.square(wave[: len(wave) // STEP * STEP].reshape(-1, STEP)).mean(axis=1)
    return np.log(powers + 1e-12).astype(np.float32)


def edged(wave: np.ndarray, edges: Edges) -> np.ndarray:
    span = kept(edges, energies(wave), STEP, RATE)
    return with_pauses(wave[span], edges, RATE)


def speech(lead: float, sound: float, tail: float) -> np.ndarray:
    tone = 0.3 * np.sin(2 * np.pi * 150 / RATE * np.arange(round(sound * RATE)))
    noise = np.random.default_rng(1).normal(0, 1e-4, round((lead + sound + tail) * RATE))
    wave = noise
    begin = round(lead * RATE)
    wave[begin : begin + len(tone)] += tone
    return wave.astype(np.float32)


def test_the_whole_is_left_alone():
    wave = speech(0.2, 0.5, 0.3)
    assert np.array_equal(edged(wave, WHOLE), wave)


def test_silence_is_cut_to_a_margin_and_added():
    wave = speech(0.2, 0.5, 0.3)
    result = edged(wave, Edges(0.1, 0.4, cut_start=True, cut_end=True))
    expected = 0.1 + 0.5 + 0.4 + 2 * MARGIN_SECONDS
    assert len(result) / RATE == pytest.approx(expected, abs=0.012)
    assert not result[: round(0.1 * RATE)].any()
    assert not result[-round(0.4 * RATE) :].any()


def test_one_end_may_be_cut():
    wave = speech(0.2, 0.5, 0.3)
    start = edged(wave, Edges(cut_start=True))
    end = edged(wave, Edges(cut_end=True))
    assert len(wave) - len(start) == pytest.approx((0.2 - MARGIN_SECONDS) * RATE, abs=250)
    assert len(wave) - len(end) == pytest.approx((0.3 - MARGIN_SECONDS) * RATE, abs=250)


@pytest.mark.parametrize("samples", [0, 1, 100, 5000])
def test_silence_and_scraps_are_kept(samples: int):
    wave = np.zeros(samples, np.float32)
    assert len(edged(wave, Edges(cut_start=True, cut_end=True))) == samples


def test_silence_is_42_decibels_below_what_is_loud():
    edges = Edges(cut_start=True, cut_end=True)
    for below, first in ((QUIET - 0.01, 40), (QUIET + 0.01, 45)):
        energy = np.full(100, -20.0, np.float32)
        energy[40:60] = -below
        energy[45:60] = 0.0
        margin = round(MARGIN_SECONDS * RATE)
        assert kept(edges, energy, STEP, RATE) == slice(first * STEP - margin, 60 * STEP + margin)
