from __future__ import annotations

import numpy as np
import pytest

from benchmarks.sounds.hearing import onsets
from pipelines.models.foley.catalogue import SOUNDS
from pipelines.models.foley.synthesis.events import event_times
from pipelines.models.foley.synthesis.rendering import LEVEL, render
from pipelines.models.foley.synthesis.signals import (
    LONGEST_GAP,
    SAMPLE_RATE,
    SOON,
    Wave,
    filtered,
    lowpass,
    moments,
    samples,
)
from pipelines.models.foley.synthesis.sound import DISTANCE, PITCH, SPACE


def made(name: str, seconds: float, seed: int = 3, **traits: float) -> Wave:
    return render(np.random.default_rng(seed), SOUNDS[name], seconds, traits)


def centre(wave: Wave) -> float:
    """The mean frequency of the power, on the logarithmic axis."""
    power = np.abs(np.fft.rfft(wave))[1:] ** 2
    frequencies = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)[1:]
    return float(np.exp(np.average(np.log(frequencies), weights=power)))


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize(("seconds", "end"), [(0.5, -1.0), (1.536, 1.0)])
def test_render_sound_has_its_length_and_level_at_the_ends_of_its_traits(
    name: str, seconds: float, end: float
) -> None:
    wave = made(name, seconds, **dict.fromkeys(SOUNDS[name].traits, end))
    assert wave.shape == (samples(seconds),)
    assert np.isfinite(wave).all()
    frame = min(len(wave), samples(0.5))
    power = np.mean(wave[: len(wave) // frame * frame].reshape(-1, frame) ** 2, axis=1)
    assert np.sqrt(power.max()) == pytest.approx(LEVEL, rel=1e-3)
    assert np.abs(wave[[0, -1]]).max() < 0.1 * LEVEL, "an end clicks"


@pytest.mark.parametrize("name", ["dog", "rain", "guitar", "engine"])
def test_render_seed_gives_the_same_sound_again_and_another_seed_another(name: str) -> None:
    first, again, other = made(name, 2.0), made(name, 2.0), made(name, 2.0, seed=4)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > LEVEL


@pytest.mark.parametrize("name", [name for name in SOUNDS if PITCH in SOUNDS[name].traits])
def test_render_pitch_moves_where_the_energy_is(name: str) -> None:
    assert centre(made(name, 3.0, pitch=0.9)) > 1.1 * centre(made(name, 3.0, pitch=-0.9))


def test_render_what_is_far_is_duller() -> None:
    near, far = (made("rain", 2.0, **{DISTANCE: end}) for end in (-1.0, 1.0))
    assert centre(far) < 0.7 * centre(near)


def test_render_hall_goes_on_when_the_sound_has_stopped() -> None:
    def quiet(wave: Wave) -> float:
        frames = wave[: len(wave) // 400 * 400].reshape(-1, 400)
        return float(np.quantile(np.sqrt(np.mean(frames**2, axis=1)), 0.3))

    dry, hall = (made("knocking", 3.0, **{SPACE: end}) for end in (-1.0, 1.0))
    assert quiet(hall) > 10 * quiet(dry)


def test_render_fast_steps_are_more_steps() -> None:
    def steps(wave: Wave) -> int:
        level = filtered(np.abs(wave), lowpass(6))
        above = level > 0.4 * level.max()
        return int(np.sum(above[1:] & ~above[:-1]))

    assert steps(made("footsteps", 4.0, speed=1.0)) > 2 * steps(made("footsteps", 4.0, speed=-1.0))


@pytest.mark.parametrize("name", ["wolf", "snoring", "creaking", "thunder", "gunshot"])
def test_render_events_that_are_counted_are_told_apart(name: str) -> None:
    wrong = 0
    for seed in range(6):
        rng = np.random.default_rng([seed, 5])
        times = event_times(rng, name, 2, 9.0, 0.0)
        wrong += len(onsets(render(rng, SOUNDS[name], 9.0, {}, times))) != 2
    assert wrong <= 1


def test_moments_begin_soon_and_leave_no_long_gap() -> None:
    for seed in range(20):
        times = moments(np.random.default_rng(seed), 22.0, 0.3)
        assert 0 <= times[0] <= SOON
        assert np.diff(times).max() <= LONGEST_GAP / 0.3 + 1e-9
        assert times[-1] < 0.92 * 22.0


@pytest.mark.parametrize("kind", ["birds", "owl", "clinking", "cymbal", "whoosh"])
def test_rules_with_single_events_begin_soon_and_go_on(kind: str) -> None:
    for seed in range(4):
        wave = render(np.random.default_rng(seed), SOUNDS[kind], 22.0, {})
        frames = np.sqrt(np.mean(wave[: len(wave) // 1600 * 1600].reshape(-1, 1600) ** 2, axis=1))
        heard = np.flatnonzero(frames > 0.003) / 10
        assert heard[0] <= 1.0
        assert heard[-1] > 11
        assert np.diff(heard).max() < 12
