"""Animals."""

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
    moments,
    noise,
    placed,
    pulses,
    samples,
    shaped,
    swell,
    tone,
    wander,
)
from pipelines.models.foley.synthesis.sound import DISTANCE, PITCH, SPEED, Draw, Sound


def birds(draw: Draw) -> Wave:
    """Short whistled phrases of one or two birds."""
    events = []
    birds_singing = int(draw.rng.integers(1, 3))
    for _ in range(birds_singing if draw.times is None else 1):
        home = draw.at_pitch(2200, 4800) * draw.any(0.9, 1.1)
        bend, wobble = draw.any(-0.25, 0.35), draw.any(12, 35)
        notes, length = int(draw.rng.integers(2, 7)), draw.any(0.05, 0.13)
        for start in draw.starts(moments(draw.rng, draw.seconds, draw.at_speed(0.35, 0.9))):
            for index in range(notes if draw.times is None else 1):
                count = samples(length)
                t = clock(count) / length
                pitch = home * (1 + bend * t + 0.06 * np.sin(2 * np.pi * wobble * t * length))
                chirp = tone(pitch, count) * swell(count, 0.01, 0.03)
                events.append((start + index * length * 1.35, chirp))
    return placed(draw.count, events)


def crickets(draw: Draw) -> Wave:
    """Trains of pulses of a nearly pure tone."""
    events = []
    pitch = draw.at_pitch(3400, 5800)
    rate = draw.at_speed(1.3, 4.5)
    pulse = tone(pitch, samples(0.016)) * swell(samples(0.016), 0.004, 0.008)
    for start in draw.starts(beats(draw.rng, draw.seconds, rate, 0.05)):
        events += [(start + index * 0.027, pulse) for index in range(4)]
    night = 0.015 * shaped(draw.rng, draw.count, band(4500, 0.4))
    return placed(draw.count, events) + night


def frogs(draw: Draw) -> Wave:
    """Croaks: a pulsed voice with two resonances."""
    events = []
    scale = draw.at_pitch(0.65, 1.6)
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(0.9, 3.0), 0.3)):
        count = samples(draw.any(0.22, 0.3))
        voice = pulses(np.linspace(38, 60, count) * scale, count)
        croak = filtered(
            voice, lambda f: band(520 * scale, 0.2)(f) + 0.7 * band(1500 * scale, 0.15)(f)
        )
        events.append((start, levelled(croak) * swell(count, 0.02, 0.05)))
    return placed(draw.count, events)


def dog(draw: Draw) -> Wave:
    """Barks in ones and twos."""
    events = []
    pitch = draw.at_pitch(210, 640)
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(0.8, 2.6), 0.3)):
        count = samples(draw.any(0.13, 0.2))
        t = np.linspace(0, 1, count)
        bend = pitch * (0.75 + 0.5 * np.sin(np.pi * np.clip(t * 1.2, 0, 1)))
        voice = harmonics(bend, count, [1 / (1 + index * 0.45) for index in range(16)])
        mouth = filtered(voice, lambda f: band(2.6 * pitch, 0.6)(f) + 0.3 * band(2500, 0.5)(f))
        breath = shaped(draw.rng, count, band(1800, 0.8)) * 0.25
        events.append((start, (levelled(mouth) + breath) * swell(count, 0.012, 0.09)))
    return placed(draw.count, events)


def cat(draw: Draw) -> Wave:
    """Meows: a voice whose resonance opens and closes."""
    events = []
    pitch = draw.at_pitch(380, 820)
    for start in draw.starts(beats(draw.rng, draw.seconds, 0.7, 0.3)):
        length = draw.any(0.6, 0.95)
        count = samples(length)
        t = clock(count) / length
        bend = pitch * (0.85 + 0.3 * np.sin(np.pi * t**0.7))
        closed = harmonics(bend, count, [1.0, 0.5, 0.15, 0.05])
        opened = harmonics(bend, count, [0.5, 0.9, 1.0, 0.7, 0.4, 0.25, 0.12])
        share = np.sin(np.pi * t) ** 1.5
        voice = (1 - share) * closed + share * opened
        events.append((start, voice * swell(count, 0.09, 0.25)))
    return placed(draw.count, events)


def owl(draw: Draw) -> Wave:
    """Hoo, hoo-hoo."""
    events = []
    pitch = draw.at_pitch(260, 520)
    for start in draw.starts(beats(draw.rng, draw.seconds, 0.4, 0.1)):
        call = ((0.0, 0.35), (0.6, 0.16), (0.85, 0.5))
        for offset, length in call if draw.times is None else call[2:]:
            count = samples(length)
            bend = pitch * (1 + 0.05 * np.sin(np.pi * clock(count) / length))
            hoot = harmonics(bend, count, [1, 0.12, 0.04]) * swell(count, 0.06, 0.1)
            breath = 0.04 * shaped(draw.rng, count, band(2 * pitch, 0.4)) * swell(count, 0.06, 0.1)
            offset = offset if draw.times is None else 0.0
            events.append((start + offset, hoot + breath))
    return placed(draw.count, events)


def bees(draw: Draw) -> Wave:
    """A buzz that wanders in pitch and comes and goes."""
    total = np.zeros(draw.count)
    for _ in range(int(draw.rng.integers(1, 4))):
        drift = np.exp(0.07 * wander(draw.rng, draw.count, 3))
        pitch = draw.at_pitch(130, 330) * draw.any(0.9, 1.1) * drift
        wing = harmonics(pitch, draw.count, [1 / (1 + 0.3 * index) for index in range(20)])
        total += wing * np.exp(0.6 * wander(draw.rng, draw.count, 0.8))
    return filtered(total, highpass(100), band(700, 1.6))


def crow(draw: Draw) -> Wave:
    """Caws: a rough voice with noise in it."""
    events = []
    pitch = draw.at_pitch(420, 800)
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(0.8, 2.0), 0.2)):
        length = draw.any(0.28, 0.4)
        count = samples(length)
        t = clock(count) / length
        bend = pitch * (1.08 - 0.25 * t) * (1 + 0.03 * wander(draw.rng, count, 90))
        voice = harmonics(bend, count, [0.5, 0.9, 1, 0.9, 0.6, 0.5, 0.4, 0.3])
        rough = shaped(draw.rng, count, band(1700, 0.5)) * (0.6 + 0.4 * tone(70, count))
        events.append((start, (levelled(voice) + 0.6 * rough) * swell(count, 0.04, 0.12)))
    return placed(draw.count, events)


def wolf(draw: Draw) -> Wave:
    """A long howl that rises and falls."""
    events = []
    pitch = draw.at_pitch(330, 620)
    for start in draw.starts(np.arange(draw.any(0, 0.2), draw.seconds, 4.5)):
        length = draw.any(2.5, 3.8)
        count = samples(length)
        t = clock(count) / length
        arch = 0.7 + 0.35 * np.clip(t / 0.25, 0, 1) - 0.3 * np.clip((t - 0.7) / 0.3, 0, 1)
        bend = pitch * arch * (1 + 0.008 * np.sin(2 * np.pi * 5 * clock(count)))
        voice = harmonics(bend, count, [1, 0.6, 0.3, 0.12, 0.06])
        events.append((float(start), voice * swell(count, draw.attack(0.3), 0.7)))
    return placed(draw.count, events) + 0.004 * noise(draw.rng, draw.count)


def rattlesnake(draw: Draw) -> Wave:
    """A dry rattle."""
    rate = draw.at_speed(18, 55)
    hit = shaped(draw.rng, samples(0.012), band(5200, 0.5)) * fading(samples(0.012), 0.02)
    times = beats(draw.rng, draw.seconds, rate, 0.15)
    envelope = np.exp(0.5 * wander(draw.rng, draw.count, 1.2))
    return placed(draw.count, [(time, hit * draw.any(0.6, 1)) for time in times]) * envelope


SOUNDS = (
    Sound(
        "birds",
        ("birds chirping", "birdsong", "songbirds", "bird tweeting", "birds singing"),
        (SPEED, PITCH, DISTANCE),
        birds,
    ),
    Sound(
        "crickets",
        ("crickets", "crickets chirping", "cricket at night", "chirping insects"),
        (SPEED, PITCH, DISTANCE),
        crickets,
    ),
    Sound(
        "frogs",
        ("frog croaking", "frogs", "croaking toad", "bullfrog", "frog ribbit"),
        (SPEED, PITCH, DISTANCE),
        frogs,
    ),
    Sound(
        "dog",
        (
            "dog barking",
            "barking dog",
            "dog bark",
            "puppy barking",
            "hound barking",
            "dog",
            "woof woof",
        ),
        (SPEED, PITCH, DISTANCE),
        dog,
    ),
    Sound(
        "cat",
        ("cat meowing", "meow", "meowing cat", "kitten meow", "cat's meow"),
        (PITCH, DISTANCE),
        cat,
    ),
    Sound("owl", ("owl hooting", "owl", "hoot of an owl", "hooting owl"), (PITCH, DISTANCE), owl),
    Sound(
        "bees",
        ("bee buzzing", "bees", "buzzing fly", "swarm of bees", "mosquito", "insect buzzing"),
        (PITCH, DISTANCE),
        bees,
    ),
    Sound(
        "crow",
        ("crow cawing", "crow", "raven cawing", "cawing crows", "caw of a crow"),
        (SPEED, PITCH, DISTANCE),
        crow,
    ),
    Sound(
        "wolf",
        ("wolf howling", "wolf howl", "howling wolf", "wolves howling"),
        (PITCH, DISTANCE),
        wolf,
    ),
    Sound(
        "rattlesnake",
        ("rattlesnake", "snake rattling its tail", "rattle of a snake", "maraca rattling"),
        (SPEED, DISTANCE),
        rattlesnake,
    ),
)
