from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.audio.inner_pauses import Cut, Mark, cuts, held, paused

RATE, STEP = 24_000, 300
SECOND = RATE // STEP


def speech(*stretches: tuple[float, float]) -> NDArray[np.float32]:
    """Log power of stretches of so many seconds and dB."""
    values = [np.full(round(seconds * SECOND), dB * np.log(10) / 10) for seconds, dB in stretches]
    return np.concatenate(values).astype(np.float32)


def silence(wave: NDArray[np.float32]) -> float:
    """Seconds of the longest silence."""
    loud = np.flatnonzero(np.abs(wave) > 0.01)
    return float(np.diff(loud).max()) / RATE


def tone(energy: NDArray[np.float32]) -> NDArray[np.float32]:
    gain = np.repeat(np.exp(energy / 2), STEP)
    return (gain * np.sin(np.arange(len(gain)) * 0.3)).astype(np.float32)


@pytest.mark.parametrize(
    ("pause", "expected"), [(0.05, 0.12), (0.2, 0.2), (0.6, 0.33)], ids=["short", "right", "long"]
)
def test_cuts_give_a_mark_the_pause_that_it_asks_for(pause: float, expected: float) -> None:
    energy = speech((0.5, 0), (pause, -60), (0.5, 0))
    found = cuts([Mark(0.5, 0.5 + pause, 0.12, 0.33)], energy, STEP, RATE)
    wave = paused(tone(energy), found, RATE)
    assert silence(wave) == pytest.approx(expected, abs=0.012)
    assert len(wave) == len(tone(energy)) + sum(cut.samples for cut in found)
    assert np.abs(np.diff(wave)).max() <= np.abs(np.diff(tone(energy))).max() + 0.01, "a click"


def test_cuts_open_a_closure_and_leave_a_voice_that_goes_on() -> None:
    mark = [Mark(0.5, 0.52, 0.12, 0.33)]
    [cut] = cuts(mark, speech((0.5, 0), (0.025, -35), (0.5, 0)), STEP, RATE)
    assert cut.place == pytest.approx(0.5125 * RATE, abs=STEP)
    assert cut.samples == round(0.12 * RATE)
    assert cuts(mark, speech((0.5, 0), (0.025, -20), (0.5, 0)), STEP, RATE) == ()


def test_cuts_of_one_silence_between_two_marks_are_made_once() -> None:
    energy = speech((0.5, 0), (0.6, -60), (0.5, 0))
    marks = [Mark(0.5, 0.8, 0.12, 0.33), Mark(0.8, 1.1, 0.12, 0.33)]
    assert len(cuts(marks, energy, STEP, RATE)) == 1


def test_cuts_without_marks_or_sound_are_none() -> None:
    assert cuts([], speech((1, 0)), STEP, RATE) == ()
    assert cuts([Mark(0, 1, 0.1, 0.3)], np.zeros(0, np.float32), STEP, RATE) == ()


def test_cut_moves_what_is_behind_it_and_nothing_before() -> None:
    put, taken = Cut(1000, 500), Cut(1000, -500)
    assert [put.moved(it) for it in (900, 1000, 1200)] == [900, 1000, 1700]
    assert [taken.moved(it) for it in (900, 1200, 1600)] == [900, 1000, 1100]


@given(
    st.lists(st.tuples(st.floats(0.05, 0.6), st.floats(-70, 0)), min_size=1, max_size=12),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 0.3)), max_size=5),
)
def test_paused_waveform_and_values_are_as_long_as_the_cuts_say(
    stretches: list[tuple[float, float]], places: list[tuple[float, float]]
) -> None:
    energy = speech(*stretches)
    marks = [Mark(start, start + width, 0.12, 0.33) for start, width in sorted(places)]
    found = cuts(marks, energy, STEP, RATE)
    wave = tone(energy)
    length = len(wave) + sum(cut.samples for cut in found)
    assert len(paused(wave, found, RATE)) == length
    assert len(held(np.arange(len(wave), dtype=np.float64), found)) == length
    assert [cut.place for cut in found] == sorted((cut.place for cut in found), reverse=True)
