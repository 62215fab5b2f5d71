"""People and what they do."""

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
    placed,
    pulses,
    samples,
    shaped,
    swell,
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


def footsteps(draw: Draw) -> Wave:
    """Heel, then sole."""
    events = []
    scale = draw.any(0.8, 1.25)
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(1.1, 3.6), 0.06)):
        heel = shaped(draw.rng, samples(0.05), band(260 * scale, 0.8)) * fading(samples(0.05), 0.07)
        click = shaped(draw.rng, samples(0.02), band(2200 * scale, 0.8)) * fading(
            samples(0.02), 0.02
        )
        sole = shaped(draw.rng, samples(0.06), band(1200 * scale, 1.0)) * fading(samples(0.06), 0.1)
        gain = draw.any(0.7, 1.0)
        events += [(start, gain * heel), (start, 0.5 * gain * click), (start + 0.06, 0.25 * sole)]
    return placed(draw.count, events)


def gravel(draw: Draw) -> Wave:
    """Crunching steps: a burst of grains each."""
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(1.2, 3.6), 0.06)):
        count = samples(0.18)
        grains = draw.rng.random(count) < 0.03
        crunch = filtered(grains * draw.rng.standard_normal(count), highpass(900, 1), lowpass(6000))
        events.append((start, levelled(crunch) * swell(count, 0.03, 0.1)))
    return placed(draw.count, events)


def applause(draw: Draw) -> Wave:
    """Many people clapping, each in their own time."""
    events = []
    for _ in range(round(draw.at_intensity(8, 70)) if draw.times is None else 1):
        rate, colour, gain = draw.any(3, 5), draw.any(900, 2400), draw.any(0.2, 1)
        length = samples(0.02)
        clap = shaped(draw.rng, length, band(colour, 0.7)) * fading(length, 0.03) * gain
        times = draw.starts(beats(draw.rng, draw.seconds, rate, 0.4))
        events += [(time, clap) for time in times]
    return placed(draw.count, events)


def heartbeat(draw: Draw) -> Wave:
    """Lub-dub."""
    events = []
    rate = draw.at_speed(0.8, 2.6)
    for start in draw.starts(beats(draw.rng, draw.seconds, rate, 0.02)):
        for offset, pitch, gain in ((0.0, 52, 1.0), (0.32 / max(rate, 1), 68, 0.65)):
            count = samples(0.16)
            thump = tone(pitch * (1 + np.exp(-40 * clock(count))), count) * fading(count, 0.2)
            events.append((start + offset, gain * thump * swell(count, 0.008, 0.02)))
    hush = 0.01 * shaped(draw.rng, draw.count, lowpass(150))
    return filtered(placed(draw.count, events), lowpass(180, 2)) + hush


def snoring(draw: Draw) -> Wave:
    """A rough breath in, a soft breath out."""
    events = []
    scale = draw.at_pitch(0.7, 1.5)
    period = 1 / draw.at_speed(0.2, 0.45)
    for start in draw.starts(np.arange(draw.any(0.0, 0.4), draw.seconds, period)):
        count = samples(0.42 * period)
        pitch = 38 * scale * (1 + 0.12 * wander(draw.rng, count, 8))
        snort = filtered(
            pulses(pitch, count), lambda f: band(300 * scale, 0.6)(f) + 0.4 * band(1100, 0.4)(f)
        )
        rasp = shaped(draw.rng, count, band(500 * scale, 0.7)) * 0.5
        events.append(
            (float(start), (levelled(snort) + rasp) * swell(count, draw.attack(0.25), 0.3))
        )
        out = shaped(draw.rng, count, band(1500, 0.9)) * swell(count, 0.2, 0.5)
        events.append((float(start) + 0.5 * period, 0.12 * out))
    return placed(draw.count, events)


def whistling(draw: Draw) -> Wave:
    """Someone whistles a little tune."""
    events = []
    home, rate = draw.at_pitch(800, 1900), draw.at_speed(1.5, 5.0)
    scale = np.array([0, 2, 4, 5, 7, 9, 12])
    for start in draw.starts(beats(draw.rng, draw.seconds, rate)):
        count = samples(0.9 / rate)
        pitch = home * 2 ** (draw.rng.choice(scale) / 12)
        bend = pitch * (
            1 + 0.006 * np.sin(2 * np.pi * 6 * clock(count)) - 0.03 * fading(count, 0.15)
        )
        breath = 0.03 * shaped(draw.rng, count, band(pitch, 0.3))
        events.append((start, (tone(bend, count) + breath) * swell(count, 0.04, 0.06)))
    return placed(draw.count, events)


def laughter(draw: Draw) -> Wave:
    """Ha-ha-ha: a voice in bursts that fall in pitch."""
    events = []
    pitch, size = draw.at_pitch(130, 320), draw.at_pitch(0.85, 1.2)
    rate = draw.at_speed(3.5, 7.0)
    for number, start in enumerate(draw.starts(beats(draw.rng, draw.seconds, rate, 0.1))):
        count = samples(0.62 / rate)
        fall = pitch * (1.15 - 0.03 * (number % 9)) * np.linspace(1.08, 0.95, count)
        voice = harmonics(fall, count, [1 / (1 + 0.2 * index) for index in range(24)])
        mouth = filtered(
            voice,
            lambda f: (
                band(800 * size, 0.25)(f)
                + 0.6 * band(1250 * size, 0.2)(f)
                + 0.3 * band(2700 * size, 0.2)(f)
            ),
        )
        breath = 0.25 * shaped(draw.rng, count, band(1800, 0.8))
        gain = 0.35 if number % 9 == 8 else 1.0
        events.append((start, gain * (levelled(mouth) + breath) * swell(count, 0.03, 0.06)))
    return placed(draw.count, events)


def sawing(draw: Draw) -> Wave:
    """A hand saw, to and fro."""
    rate = draw.at_speed(0.8, 2.6)
    stroke = np.abs(np.sin(np.pi * rate * clock(draw.count) + draw.any(0, 3)))
    teeth = 60 + 140 * stroke
    rasp = shaped(draw.rng, draw.count, band(2600, 0.8)) * (1 + 0.8 * tone(teeth, draw.count))
    body = filtered(pulses(teeth, draw.count), band(700, 0.5))
    return (rasp + 0.6 * levelled(body)) * stroke**1.5


SOUNDS = (
    Sound(
        "footsteps",
        (
            "footsteps",
            "footsteps on a wooden floor",
            "someone walking",
            "walking in shoes",
            "steps",
        ),
        (SPEED, DISTANCE, SPACE),
        footsteps,
    ),
    Sound(
        "gravel",
        ("steps on gravel", "walking on gravel", "crunching gravel underfoot", "gravel path steps"),
        (SPEED, DISTANCE),
        gravel,
    ),
    Sound(
        "applause",
        ("applause", "audience clapping", "crowd applauding", "people clapping", "clapping hands"),
        (INTENSITY, DISTANCE, SPACE),
        applause,
    ),
    Sound(
        "heartbeat",
        ("heartbeat", "beating heart", "heart beating", "human heartbeat", "heart thumping"),
        (SPEED,),
        heartbeat,
    ),
    Sound(
        "snoring",
        ("snoring", "person snoring", "someone snoring in bed", "snores", "snoring man"),
        (SPEED, PITCH),
        snoring,
    ),
    Sound(
        "whistling",
        ("person whistling", "whistling a tune", "whistled melody", "someone whistling"),
        (SPEED, PITCH, DISTANCE, SPACE),
        whistling,
    ),
    Sound(
        "laughter",
        ("laughter", "person laughing", "laughing", "someone laughing", "giggling"),
        (SPEED, PITCH, SPACE),
        laughter,
    ),
    Sound(
        "sawing",
        ("sawing wood", "hand saw", "saw cutting wood", "carpenter sawing"),
        (SPEED, DISTANCE),
        sawing,
    ),
)
