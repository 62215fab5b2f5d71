"""A sound with its caption, drawn at random from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipelines.training.sound_synthesis.captions import caption
from pipelines.training.sound_synthesis.catalogue import SOUNDS
from pipelines.training.sound_synthesis.signals import (
    Rng,
    Wave,
    filtered,
    lowpass,
    reverberant,
    samples,
)
from pipelines.training.sound_synthesis.sound import DISTANCE, SPACE, Draw, Sound, between

LEVEL = 0.1
"""Root mean square of a sound's loudest half second."""
PEAK = 0.97


@dataclass(frozen=True, slots=True)
class Scene:
    name: str
    caption: str
    traits: Mapping[str, float]
    wave: Wave


def draw(rng: Rng, name: str, seconds: float) -> Scene:
    """A sound of a kind with traits at random, of which the caption tells some."""
    sound = SOUNDS[name]
    traits = {trait: float(rng.uniform(-1, 1)) for trait in sound.traits}
    return Scene(name, caption(rng, sound, traits), traits, render(rng, sound, seconds, traits))


def render(rng: Rng, sound: Sound, seconds: float, traits: Mapping[str, float]) -> Wave:
    """`[samples]` at the level of `LEVEL`, without clipping."""
    count = samples(seconds)
    own = {trait: value for trait, value in traits.items() if trait not in (DISTANCE, SPACE)}
    wave = sound.render(Draw(rng, count, **own))
    if (away := traits.get(DISTANCE, -1.0)) > 0:
        wave = reverberant(
            rng, filtered(wave, lowpass(between(away, 3500, 700), 1)), 1.2, 0.3 * away
        )
    if (hall := traits.get(SPACE, -1.0)) > 0:
        wave = reverberant(rng, wave, 2.5, 0.35 + 0.3 * hall)
    return settled(wave)


def settled(wave: Wave) -> Wave:
    """At the level that every sound has, or below it where peaks would clip."""
    wave = wave - wave.mean()
    frame = min(len(wave), samples(0.5))
    power = np.mean(wave[: len(wave) // frame * frame].reshape(-1, frame) ** 2, axis=1)
    wave = wave * (LEVEL / (np.sqrt(power.max()) + 1e-9))
    return wave * min(1.0, PEAK / (float(np.abs(wave).max()) + 1e-9))
