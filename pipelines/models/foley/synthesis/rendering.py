"""One sound of a kind, at its distance and in its room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.models.foley.synthesis.signals import (
    Rng,
    Wave,
    filtered,
    highpass,
    lowpass,
    reverberant,
    samples,
    swell,
)
from pipelines.models.foley.synthesis.sound import DISTANCE, SPACE, Draw, Sound, between

LOWEST = 20.0
"""Hz; what is below is not heard."""
FADE_IN_SECONDS, FADE_OUT_SECONDS = 0.003, 0.04
"""So that neither end of a sound clicks."""
LEVEL = 0.1
"""Root mean square of a sound's loudest half second."""


def render(
    rng: Rng,
    sound: Sound,
    seconds: float,
    traits: Mapping[str, float],
    times: Sequence[float] | None = None,
) -> Wave:
    """`[samples]` at the level of `LEVEL`. Traits that the kind does not have are left out, and
    distance and space begin at 0: below, a sound is near by and in no hall. `times` are those of
    the events in seconds, where they are counted out."""
    own = {
        trait: value
        for trait, value in traits.items()
        if trait in sound.traits and trait not in (DISTANCE, SPACE)
    }
    wave = sound.render(Draw(rng, samples(seconds), times=times, **own))
    if (away := traits.get(DISTANCE, -1.0)) > 0:
        muffled = filtered(wave, lowpass(between(away, 3500, 700), 1))
        wave = reverberant(rng, muffled, 1.2, 0.3 * away)
    if (hall := traits.get(SPACE, -1.0)) > 0:
        wave = reverberant(rng, wave, 2.5, 0.35 + 0.3 * hall)
    wave = filtered(wave, highpass(LOWEST))
    return at_level(wave * swell(len(wave), FADE_IN_SECONDS, FADE_OUT_SECONDS))


def at_level(wave: Wave) -> Wave:
    """The wave, scaled so that its loudest half second has a root mean square of `LEVEL`."""
    frame = min(len(wave), samples(0.5))
    power = np.mean(wave[: len(wave) // frame * frame].reshape(-1, frame) ** 2, axis=1)
    result: Wave = wave * (LEVEL / (np.sqrt(power.max()) + 1e-9))
    return result
