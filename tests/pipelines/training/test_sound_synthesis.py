from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.sound_synthesis.captions import AFTER, BEFORE, MARKED, caption
from pipelines.training.sound_synthesis.catalogue import SOUNDS
from pipelines.training.sound_synthesis.scenes import LEVEL, PEAK, draw, render
from pipelines.training.sound_synthesis.signals import SAMPLE_RATE, samples
from pipelines.training.sound_synthesis.sound import DISTANCE, PITCH


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_has_its_length_and_level_whatever_its_traits(name: str) -> None:
    for seed, seconds in enumerate((0.5, 1.536, 4.1)):
        scene = draw(np.random.default_rng(seed), name, seconds)
        assert scene.wave.shape == (samples(seconds),)
        assert np.isfinite(scene.wave).all()
        loudest = float(np.abs(scene.wave).max())
        assert 0.02 < loudest <= PEAK + 1e-9
        assert set(scene.traits) == set(SOUNDS[name].traits)


def test_a_seed_gives_the_same_sound_again_and_another_seed_another() -> None:
    first, again, other = (draw(np.random.default_rng(seed), "dog", 2.0) for seed in (5, 5, 6))
    assert first.caption == again.caption
    np.testing.assert_array_equal(first.wave, again.wave)
    assert np.abs(first.wave - other.wave).max() > LEVEL


def centre(wave: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(wave)) ** 2
    return float(np.average(np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE), weights=power))


@pytest.mark.parametrize("name", [name for name in SOUNDS if PITCH in SOUNDS[name].traits])
def test_pitch_moves_where_the_energy_is(name: str) -> None:
    sound = SOUNDS[name]
    plain = {trait: -1.0 if trait not in (PITCH,) else 0.0 for trait in sound.traits}
    deep, high = (
        centre(render(np.random.default_rng(3), sound, 3.0, {**plain, PITCH: end}))
        for end in (-0.9, 0.9)
    )
    assert high > 1.1 * deep


def test_what_is_far_is_duller() -> None:
    near, far = (
        centre(render(np.random.default_rng(3), SOUNDS["rain"], 3.0, {DISTANCE: end}))
        for end in (-0.9, 0.9)
    )
    assert far < 0.7 * near


@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(SOUNDS)))
def test_a_caption_names_the_sound_and_tells_only_what_is_marked(seed: int, name: str) -> None:
    sound = SOUNDS[name]
    rng = np.random.default_rng(seed)
    traits = {trait: float(rng.uniform(-1, 1)) for trait in sound.traits}
    words = caption(rng, sound, traits).lower()
    [phrase] = [max((p for p in sound.phrases if p.lower() in words), key=len)]
    rest = words.replace(phrase.lower(), "", 1)
    for trait, value in traits.items():
        for end in (0, 1):
            told = any(word in rest for word in AFTER[trait][end]) or any(
                f"{word} " in rest for word in BEFORE[trait][end] if len(word) > 4
            )
            if told and value != 0:
                assert abs(value) >= MARKED[trait]
                assert (value > 0) == bool(end)
