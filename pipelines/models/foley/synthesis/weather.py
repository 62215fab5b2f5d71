"""Weather, water and fire."""

from __future__ import annotations

import numpy as np

from pipelines.models.foley.synthesis.signals import (
    Wave,
    band,
    clock,
    convolved,
    fading,
    filtered,
    highpass,
    levelled,
    lowpass,
    moments,
    noise,
    placed,
    samples,
    shaped,
    sparks,
    swell,
    tilt,
    tone,
    wander,
)
from pipelines.models.foley.synthesis.sound import DISTANCE, INTENSITY, PITCH, SPEED, Draw, Sound

THUNDERCLAPS = 0.22
"""A second."""


def rain(draw: Draw) -> Wave:
    """A wash of far drops and the crackle of near ones; heavier rain has more of both."""
    rng, count = draw.rng, draw.count
    wash = shaped(rng, count, highpass(draw.at_intensity(1800, 500), 1), lowpass(7000, 2))
    kernel = noise(rng, samples(0.006)) * fading(samples(0.006), 0.006)
    drops = convolved(sparks(rng, count, draw.at_intensity(40, 700)), kernel)
    drops = filtered(drops, highpass(1500, 2))
    return wash * draw.at_intensity(0.25, 1.0) + 0.8 * levelled(drops)


def thunder(draw: Draw) -> Wave:
    """A crack and a rumble that rolls away."""
    rng, count = draw.rng, draw.count
    # Claps that are counted are told from the rolls of the last one by their crack.
    rolling, cracking = 0.9, draw.at_intensity(0.1, 1.2)
    if draw.times is not None:
        rolling, cracking = 0.3, draw.at_intensity(0.4, 1.4)

    def clap() -> Wave:
        length = samples(draw.any(3.0, 6.0))
        rolls = np.exp(rolling * wander(rng, length, 4)) * fading(length, draw.any(4, 8))
        rumble = shaped(rng, length, lowpass(draw.at_intensity(90, 260), 1.5), highpass(25)) * rolls
        crack = shaped(rng, length, tilt(0.4, 100)) * fading(length, draw.any(0.3, 0.8))
        return rumble * np.clip(clock(length) / 0.05, 0, 1) + cracking * crack

    times = [draw.any(0.05, 0.4), *moments(rng, draw.seconds, 0.12)[: int(draw.seconds // 5)]]
    return placed(count, [(time, clap()) for time in draw.starts(times)])


def wind(draw: Draw) -> Wave:
    """Gusts: noise whose band and level wander together."""
    rng, count = draw.rng, draw.count
    gust = wander(rng, count, draw.any(0.3, 0.7) * draw.at_intensity(0.8, 1.6))
    low = shaped(rng, count, band(draw.at_intensity(180, 450), 0.8)) * np.exp(0.35 * gust)
    howl = shaped(rng, count, band(draw.at_intensity(450, 1300), 0.16)) * np.exp(0.9 * gust - 0.5)
    return low + draw.at_intensity(0.25, 0.9) * howl


def waves(draw: Draw) -> Wave:
    """Breakers that rise slowly and hiss away."""
    rng, count = draw.rng, draw.count
    period = draw.any(3.5, 5.5)
    events = []
    for start in np.arange(draw.any(-3, 0), draw.seconds, period):
        length = samples(period * 1.4)
        shape = swell(length, draw.any(1.0, 1.8), draw.any(2.5, 3.5)) ** 1.5
        body = shaped(rng, length, lowpass(draw.at_intensity(350, 900), 0.8)) * shape
        hiss = shaped(rng, length, highpass(1500, 1)) * np.roll(shape, samples(0.4))
        whole = body + draw.at_intensity(0.15, 0.5) * hiss
        events.append((max(start, 0.0), whole[samples(-start) if start < 0 else 0 :]))
    bed = 0.08 * shaped(rng, count, lowpass(600, 0.8))
    return placed(count, events) + bed


def stream(draw: Draw) -> Wave:
    """Many small bubbles that chirp upwards over a soft rush."""
    rng, count = draw.rng, draw.count
    rate = draw.at_intensity(25, 70)
    chirps = [(time, _bubble(draw, 500, 2200, 0.05)) for time in moments(rng, draw.seconds, rate)]
    rush = shaped(rng, count, band(900, 1.0)) * (1 + 0.2 * wander(rng, count, 3))
    return levelled(placed(count, chirps)) + draw.at_intensity(0.15, 0.7) * rush


def waterfall(draw: Draw) -> Wave:
    """A steady roar."""
    rng, count = draw.rng, draw.count
    roar = shaped(rng, count, tilt(0.35, 150), lowpass(draw.at_intensity(3000, 6000), 1))
    low = shaped(rng, count, band(120, 0.7)) * (1 + 0.15 * wander(rng, count, 2))
    return roar * (1 + 0.05 * wander(rng, count, 5)) + draw.at_intensity(0.2, 0.6) * low


def fire(draw: Draw) -> Wave:
    """Snaps over a low flutter."""
    rng, count = draw.rng, draw.count
    flutter = shaped(rng, count, lowpass(220, 1)) * np.exp(0.3 * wander(rng, count, 9))
    events = []
    for time in moments(rng, draw.seconds, draw.at_intensity(7, 28)):
        length = samples(draw.any(0.004, 0.03))
        snap = shaped(rng, length, band(draw.any(1200, 5000), 0.7)) * fading(length, 0.02)
        events.append((time, snap * float(rng.exponential(1.0)) * 3))
    hiss = 0.05 * shaped(rng, count, highpass(3000))
    return draw.at_intensity(0.25, 0.6) * flutter + placed(count, events) + hiss


def dripping(draw: Draw) -> Wave:
    """Single drops into water, with the ring of the place."""
    rate = draw.at_speed(0.8, 4.5)
    times = [time + draw.any(-0.1, 0.1) / rate for time in np.arange(0.15, draw.seconds, 1 / rate)]
    scale = draw.at_pitch(0.6, 1.7)
    drops = [(time, _bubble(draw, 700 * scale, 1400 * scale, 0.12)) for time in draw.starts(times)]
    return placed(draw.count, drops)


def bubbling(draw: Draw) -> Wave:
    """Large bubbles that rise in thick water, as in a boiling pot."""
    rate = draw.at_speed(6, 30)
    scale = draw.at_pitch(0.6, 1.7)
    times = moments(draw.rng, draw.seconds, rate)
    events = [(time, _bubble(draw, 180 * scale, 500 * scale, 0.11)) for time in times]
    return placed(draw.count, events)


def _bubble(draw: Draw, low: float, high: float, seconds: float) -> Wave:
    """A sine that rises and dies away."""
    length = samples(seconds * draw.any(0.6, 1.4))
    start = float(np.exp(draw.rng.uniform(np.log(low), np.log(high))))
    rise = start * (1 + draw.any(0.2, 0.9) * clock(length) / seconds)
    return tone(rise, length) * fading(length, seconds) * draw.any(0.3, 1.0)


SOUNDS = (
    Sound(
        "rain",
        ("rain", "rainfall", "rain falling", "rain shower", "raindrops", "rain on a roof"),
        (INTENSITY, DISTANCE),
        rain,
    ),
    Sound(
        "thunder",
        ("thunder", "thunderclap", "rolling thunder", "thunder rumbling", "thunderstorm"),
        (INTENSITY, DISTANCE),
        thunder,
    ),
    Sound(
        "wind",
        ("wind", "wind blowing", "gusts of wind", "howling wind", "breeze", "windy weather"),
        (INTENSITY,),
        wind,
    ),
    Sound(
        "waves",
        ("ocean waves", "waves on a beach", "sea waves breaking", "surf", "waves on the shore"),
        (INTENSITY, DISTANCE),
        waves,
    ),
    Sound(
        "stream",
        ("stream", "brook", "small creek flowing", "babbling brook", "water trickling"),
        (INTENSITY, DISTANCE),
        stream,
    ),
    Sound(
        "waterfall",
        ("waterfall", "water rushing down a cliff", "roaring cascade", "waterfall roar"),
        (INTENSITY, DISTANCE),
        waterfall,
    ),
    Sound(
        "fire",
        ("fire", "campfire crackling", "crackling fire", "fireplace", "burning wood", "bonfire"),
        (INTENSITY,),
        fire,
    ),
    Sound(
        "dripping",
        (
            "water dripping",
            "dripping tap",
            "water drops",
            "leaking faucet",
            "drops in a cave",
            "raindrop",
            "drop of rain",
        ),
        (SPEED, PITCH),
        dripping,
    ),
    Sound(
        "bubbling",
        ("bubbles", "boiling water", "bubbling liquid", "pot of water boiling", "gurgling water"),
        (SPEED, PITCH),
        bubbling,
    ),
)
