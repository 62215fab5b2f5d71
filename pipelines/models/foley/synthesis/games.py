"""Battles, machines of the future, and electric sounds."""

from __future__ import annotations

import numpy as np

from pipelines.models.foley.synthesis.signals import (
    Wave,
    band,
    beats,
    clock,
    fading,
    filtered,
    harmonics,
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
from pipelines.models.foley.synthesis.sound import (
    DISTANCE,
    INTENSITY,
    PITCH,
    SPACE,
    SPEED,
    Draw,
    Sound,
)


def laser(draw: Draw) -> Wave:
    """Pew: a tone that falls fast."""
    high = draw.at_pitch(1800, 5200)
    length = draw.any(0.16, 0.3)
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(1.2, 5.5), 0.2)):
        count = samples(length)
        pitch = 0.08 * high + 0.92 * high * np.exp(-clock(count) * 3.2 / length)
        zap = harmonics(pitch, count, [1, 0.4, 0.25, 0.1]) * fading(count, 1.3 * length)
        events.append((start, zap * swell(count, 0.002, 0.02)))
    return placed(draw.count, events)


def explosion(draw: Draw) -> Wave:
    """A blast, a boom and debris."""
    events = []
    for start in draw.starts(np.arange(draw.any(0.03, 0.3), draw.seconds, draw.any(4.0, 6.0))):
        count = samples(4.0)
        blast = shaped(draw.rng, count, tilt(0.5, 60)) * fading(count, 0.6)
        boom = shaped(draw.rng, count, lowpass(draw.at_intensity(110, 300), 1.2)) * fading(
            count, 3.2
        )
        debris = filtered(sparks(draw.rng, count, 60), band(900, 1)) * fading(count, 3)
        events.append((float(start), draw.at_intensity(0.35, 1.1) * blast + boom + 4 * debris))
    return placed(draw.count, events)


def gunshot(draw: Draw) -> Wave:
    """A sharp crack with a short tail."""
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(0.5, 4.0), 0.3)):
        count = samples(0.6)
        crack = shaped(draw.rng, count, tilt(0.15, 200)) * fading(count, 0.09)
        tail = shaped(draw.rng, count, band(500, 1.2)) * fading(count, 0.55)
        events.append((start, 1.5 * crack + 0.3 * tail))
    return placed(draw.count, events)


def whoosh(draw: Draw) -> Wave:
    """Something flies by: a band of noise that swells and falls."""
    events = []
    period = 1 / draw.at_speed(0.6, 2.2)
    for start in draw.starts(np.arange(draw.any(0.0, 0.1), draw.seconds, period)):
        count = samples(0.75 * period)
        t = np.linspace(0, 1, count)
        near = np.exp(-(((t - 0.55) / 0.2) ** 2))
        low = shaped(draw.rng, count, band(draw.at_pitch(350, 900), 0.5))
        high = shaped(draw.rng, count, band(draw.at_pitch(1100, 3000), 0.5))
        events.append((float(start), (low * near**0.7 + 1.2 * high * near**2)))
    return placed(draw.count, events)


def coin_pickup(draw: Draw) -> Wave:
    """The two square notes of an arcade game."""
    low = draw.at_pitch(600, 1350)
    square = [1, 0, 0.33, 0, 0.2, 0, 0.14]
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(0.8, 2.4))):
        first, second = samples(0.075), samples(0.4)
        events.append((start, harmonics(low, first, square)))
        events.append((start + 0.075, harmonics(low * 4 / 3, second, square) * fading(second, 0.6)))
    return placed(draw.count, events)


def robot(draw: Draw) -> Wave:
    """Beeps and blips of random pitch."""
    rate, home = draw.at_speed(4, 13), draw.at_pitch(450, 1500)
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, rate)):
        count = samples(0.85 / rate)
        first, last = home * 2 ** draw.rng.uniform(-0.8, 1.2, 2)
        pitch = np.linspace(first, last if draw.rng.random() < 0.5 else first, count)
        events.append((start, harmonics(pitch, count, [1, 0, 0.2]) * swell(count, 0.005, 0.008)))
    return placed(draw.count, events)


def drone(draw: Draw) -> Wave:
    """A deep hum of detuned voices."""
    pitch = draw.at_pitch(45, 130)
    total = np.zeros(draw.count)
    for _ in range(4):
        detuned = pitch * (1 + 0.004 * draw.any(-1, 1))
        voice = harmonics(detuned, draw.count, [1 / (1 + index) for index in range(14)])
        total += voice * (1 + 0.4 * wander(draw.rng, draw.count, 0.5))
    return total


def static(draw: Draw) -> Wave:
    """Radio noise with crackle."""
    hiss = shaped(draw.rng, draw.count, highpass(300, 1), lowpass(6000, 1))
    crackle = filtered(sparks(draw.rng, draw.count, draw.at_intensity(4, 90)), band(2500, 1.2))
    return hiss * (1 + 0.12 * wander(draw.rng, draw.count, 8)) + 6 * crackle


def electricity(draw: Draw) -> Wave:
    """Arcs that buzz at the mains' frequency."""
    buzz = np.maximum(0, tone(100, draw.count)) ** 4
    arcs = noise(draw.rng, draw.count) * buzz
    flicker = np.exp(1.2 * wander(draw.rng, draw.count, draw.at_intensity(5, 14)))
    return filtered(arcs, highpass(900, 1)) * flicker


def sonar(draw: Draw) -> Wave:
    """Pings with a long watery tail."""
    pitch = draw.at_pitch(650, 1600)
    events = []
    for start in draw.starts(
        np.arange(draw.any(0.05, 0.2), draw.seconds, 1 / draw.at_speed(0.35, 1.1))
    ):
        count = samples(2.0)
        ping = tone(pitch, count) * fading(count, 1.8) * swell(count, 0.01, 0.1)
        tail = shaped(draw.rng, count, band(pitch, 0.03)) * fading(count, 2.0)
        events.append((float(start), ping + 0.25 * tail))
    return placed(draw.count, events)


def geiger(draw: Draw) -> Wave:
    """Clicks at random."""
    count = samples(0.006)
    click = shaped(draw.rng, count, band(3200, 0.7)) * fading(count, 0.006)
    rate = draw.at_speed(4, 45)
    return placed(
        draw.count, [(time, click) for time in draw.starts(moments(draw.rng, draw.seconds, rate))]
    )


def riser(draw: Draw) -> Wave:
    """A tone that climbs and climbs, for suspense."""
    t = clock(draw.count) / draw.seconds
    pitch = draw.at_pitch(120, 320) * 2 ** (3 * t)
    air = shaped(draw.rng, draw.count, highpass(1500, 1)) * t
    return (levelled(harmonics(pitch, draw.count, [1, 0.5, 0.35, 0.25, 0.2])) + 0.3 * air) * (
        0.2 + t
    )


SOUNDS = (
    Sound(
        "laser",
        ("laser gun", "laser blaster", "laser shots", "sci-fi blaster", "ray gun"),
        (SPEED, PITCH),
        laser,
    ),
    Sound(
        "explosion",
        (
            "explosion",
            "bomb exploding",
            "big blast",
            "detonation",
            "bomb explosion",
            "loud bang",
            "cinematic boom impact",
        ),
        (INTENSITY, DISTANCE),
        explosion,
    ),
    Sound(
        "gunshot",
        ("gunshot", "gun firing", "pistol shots", "rifle shot", "gunfire"),
        (SPEED, DISTANCE, SPACE),
        gunshot,
    ),
    Sound(
        "whoosh",
        ("whoosh", "swoosh", "sword swing through air", "swish", "fast object whooshing by"),
        (SPEED, PITCH),
        whoosh,
    ),
    Sound(
        "coin_pickup",
        ("video game coin pickup", "arcade coin sound", "8-bit coin", "retro game bonus"),
        (SPEED, PITCH),
        coin_pickup,
    ),
    Sound(
        "robot",
        ("robot beeps", "robot talking in beeps", "computer bleeps", "droid chirps"),
        (SPEED, PITCH),
        robot,
    ),
    Sound(
        "drone",
        ("drone", "ominous hum", "dark ambient drone", "humming drone", "deep space hum"),
        (PITCH, SPACE),
        drone,
    ),
    Sound(
        "static",
        ("radio static", "static noise", "white noise", "TV static", "untuned radio"),
        (INTENSITY,),
        static,
    ),
    Sound(
        "electricity",
        ("electric sparks", "electricity arcing", "electrical buzz", "sparking wire"),
        (INTENSITY,),
        electricity,
    ),
    Sound(
        "sonar", ("sonar ping", "submarine sonar", "sonar pinging", "sonar"), (SPEED, PITCH), sonar
    ),
    Sound(
        "geiger",
        ("Geiger counter", "radiation detector clicking", "Geiger counter clicks"),
        (SPEED,),
        geiger,
    ),
    Sound(
        "riser",
        ("rising tone", "tension riser", "pitch rising up", "cinematic riser"),
        (PITCH,),
        riser,
    ),
)
