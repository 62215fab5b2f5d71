"""Engines, vehicles and signals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipelines.models.foley.synthesis.signals import (
    Wave,
    band,
    clock,
    convolved,
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
from pipelines.models.foley.synthesis.sound import DISTANCE, INTENSITY, PITCH, SPEED, Draw, Sound


def engine(draw: Draw) -> Wave:
    """Cylinders that fire one after the other, through an exhaust."""
    rate = draw.at_speed(22, 95) * (1 + 0.03 * wander(draw.rng, draw.count, 1.5))
    kick = shaped(draw.rng, samples(0.03), lowpass(400, 1)) * fading(samples(0.03), 0.03)
    firing = convolved(
        pulses(rate, draw.count) * (1 + 0.25 * wander(draw.rng, draw.count, 40)), kick
    )
    pipe = filtered(firing, lambda f: band(110, 0.6)(f) + 0.5 * band(420, 0.5)(f) + 0.05)
    return levelled(pipe) + 0.12 * shaped(draw.rng, draw.count, band(1500, 1.0))


def motorcycle(draw: Draw) -> Wave:
    """An engine that revs up and down."""
    revs = 1 + 0.8 * np.sin(2 * np.pi * clock(draw.count) / draw.any(1.6, 2.6)) ** 2
    rate = draw.at_pitch(38, 85) * revs * (1 + 0.02 * wander(draw.rng, draw.count, 4))
    growl = harmonics(rate, draw.count, [1 / (1 + 0.22 * index) for index in range(30)])
    rasp = shaped(draw.rng, draw.count, band(900, 1.0)) * (0.5 + 0.5 * tone(rate, draw.count))
    return levelled(filtered(growl, band(350, 1.3))) + 0.3 * rasp


def helicopter(draw: Draw) -> Wave:
    """Rotor blades that chop air over a turbine's whine."""
    rate = draw.at_speed(6, 17)
    turn = tone(rate, draw.count)
    chop = np.exp(4 * (turn - 1))
    air = shaped(draw.rng, draw.count, lowpass(700, 1), highpass(40)) * chop
    thump = tone(2.2 * rate, draw.count) * chop
    whine = harmonics(1350 * draw.any(0.9, 1.1), draw.count, [1, 0.3])
    return 2.5 * levelled(air) + 0.8 * levelled(thump) + 0.05 * whine


def siren(draw: Draw) -> Wave:
    """A tone that wails up and down."""
    sweep = 0.5 - 0.5 * np.cos(
        2 * np.pi * draw.at_speed(0.25, 2.2) * clock(draw.count) + draw.any(0, 6)
    )
    low = draw.at_pitch(420, 900)
    return harmonics(low * (1 + 1.0 * sweep), draw.count, [1, 0.35, 0.45, 0.2, 0.15, 0.1])


def horn(draw: Draw) -> Wave:
    """A car's horn: two reeds a third apart, in long and short blasts."""
    low = draw.at_pitch(270, 560)
    events = []
    for start, length in _blasts(draw):
        count = samples(length)
        reeds = sum(
            harmonics(low * ratio, count, [1, 0.9, 0.8, 0.7, 0.5, 0.4, 0.3, 0.2])
            for ratio in (1, 1.26)
        )
        events.append((start, reeds * swell(count, 0.02, 0.03)))
    return placed(draw.count, events)


def _blasts(draw: Draw) -> Iterator[tuple[float, float]]:
    """Start and length of each blast of a horn, in seconds."""
    if draw.times is not None:
        yield from ((time, 0.35) for time in draw.times)
        return
    time = draw.any(0.02, 0.2)
    while time < draw.seconds:
        length = float(draw.rng.choice([0.25, 0.35, 0.9]))
        yield time, length
        time += length + draw.any(0.15, 0.6)


def train(draw: Draw) -> Wave:
    """Wheels over the joints of the rails, two axles at a time."""
    rate = draw.at_speed(0.8, 2.8)
    events = []
    clack = shaped(draw.rng, samples(0.09), lambda f: band(240, 0.6)(f) + 0.25 * band(2100, 0.5)(f))
    clack *= fading(samples(0.09), 0.1)
    for start in np.arange(draw.any(0, 0.3), draw.seconds, 1 / rate):
        for offset in (0.0, 0.16, 0.42, 0.58):
            events.append((float(start) + offset / (1.2 * rate), clack * draw.any(0.7, 1.0)))
    rumble = shaped(draw.rng, draw.count, lowpass(160, 1)) * (
        1 + 0.1 * wander(draw.rng, draw.count, 3)
    )
    return levelled(placed(draw.count, events)) + 0.35 * rumble


def steam_whistle(draw: Draw) -> Wave:
    """The whistle of a steam train: a chord with steam."""
    low = draw.at_pitch(300, 650)
    events = []
    for start in draw.starts(np.arange(draw.any(0.02, 0.2), draw.seconds, 2.4)):
        count = samples(draw.any(1.2, 1.9))
        chord = np.sum(
            [harmonics(low * ratio, count, [1, 0.4, 0.2]) for ratio in (1, 1.26, 1.5)], 0
        )
        steam = shaped(draw.rng, count, band(2500, 0.9))
        events.append((float(start), (levelled(chord) + 0.35 * steam) * swell(count, 0.12, 0.25)))
    return placed(draw.count, events)


def jet(draw: Draw) -> Wave:
    """An aeroplane that passes: the roar swells and its colour falls."""
    t = clock(draw.count) / draw.seconds
    near = np.exp(-(((t - draw.any(0.35, 0.6)) / 0.28) ** 2))
    low = shaped(draw.rng, draw.count, lowpass(draw.at_intensity(250, 500), 0.8))
    high = shaped(draw.rng, draw.count, band(draw.at_intensity(1100, 2600), 0.9)) * near
    whine = tone(draw.any(1700, 2300) * (1.08 - 0.16 * t), draw.count) * near
    return (low + 0.8 * high + 0.12 * whine) * (0.12 + near)


def foghorn(draw: Draw) -> Wave:
    """A ship's horn."""
    pitch = draw.at_pitch(68, 165)
    events = []
    for start in draw.starts(np.arange(draw.any(0.02, 0.2), draw.seconds, 4.2)):
        count = samples(draw.any(2.2, 3.0))
        blast = harmonics(pitch, count, [1, 0.9, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1])
        events.append((float(start), blast * swell(count, 0.15, 0.4)))
    return placed(draw.count, events)


def drill(draw: Draw) -> Wave:
    """An electric drill: a whine that gives way under load."""
    load = 1 - 0.15 * np.clip(wander(draw.rng, draw.count, 1.2), 0, 2)
    pitch = draw.at_pitch(330, 800) * load
    motor = harmonics(pitch, draw.count, [0.4, 0.7, 0.3, 0.6, 0.2, 0.4, 0.2, 0.3, 0.15, 0.15])
    grind = shaped(draw.rng, draw.count, band(3200, 0.7)) * (1 + 0.7 * tone(pitch / 8, draw.count))
    return levelled(motor) + 0.5 * grind


def jackhammer(draw: Draw) -> Wave:
    """Hammer blows in quick succession."""
    rate = draw.at_speed(9, 26)
    count = samples(0.06)
    blow = shaped(draw.rng, count, lambda f: band(320, 0.7)(f) + 0.8 * band(2400, 0.8)(f))
    blow *= fading(count, 0.06)
    times = np.arange(0.01, draw.seconds, 1 / rate)
    return placed(draw.count, [(float(time), blow * draw.any(0.75, 1)) for time in times])


def fan(draw: Draw) -> Wave:
    """Blades that turn in a stream of air."""
    rate = draw.at_speed(8, 40)
    blades = 1 + 0.5 * tone(rate, draw.count)
    air = shaped(draw.rng, draw.count, band(420, 1.2)) * blades
    hum = harmonics(100.0, draw.count, [0.6, 1.0, 0.2, 0.3])
    return levelled(air) + 0.25 * levelled(hum)


SOUNDS = (
    Sound(
        "engine",
        (
            "car engine",
            "engine idling",
            "engine running",
            "truck engine",
            "diesel motor",
            "car passing by",
            "car driving",
            "truck driving by",
        ),
        (SPEED, DISTANCE),
        engine,
    ),
    Sound(
        "motorcycle",
        ("motorcycle", "motorbike revving", "revving motorcycle", "motorcycle engine"),
        (PITCH, DISTANCE),
        motorcycle,
    ),
    Sound(
        "helicopter",
        ("helicopter", "helicopter flying", "chopper overhead", "helicopter rotor"),
        (SPEED, DISTANCE),
        helicopter,
    ),
    Sound(
        "siren",
        ("siren", "police siren", "ambulance siren", "wailing siren", "emergency siren"),
        (SPEED, PITCH, DISTANCE),
        siren,
    ),
    Sound(
        "horn",
        ("car horn", "honking car", "car honking", "horn of a car", "beeping traffic horn"),
        (PITCH, DISTANCE),
        horn,
    ),
    Sound(
        "train",
        ("train on rails", "train passing", "railway train", "train wheels clattering"),
        (SPEED, DISTANCE),
        train,
    ),
    Sound(
        "steam_whistle",
        ("steam train whistle", "locomotive whistle", "train whistle", "steam whistle"),
        (PITCH, DISTANCE),
        steam_whistle,
    ),
    Sound(
        "jet",
        ("jet plane", "airplane flying over", "aircraft passing", "jet flyby", "plane overhead"),
        (INTENSITY, DISTANCE),
        jet,
    ),
    Sound(
        "foghorn",
        ("foghorn", "ship horn", "horn of a ship", "boat horn"),
        (PITCH, DISTANCE),
        foghorn,
    ),
    Sound(
        "drill",
        ("electric drill", "power drill", "drilling", "drill into a wall"),
        (PITCH, DISTANCE),
        drill,
    ),
    Sound(
        "jackhammer",
        ("jackhammer", "pneumatic hammer", "road works hammer", "jackhammer on concrete"),
        (SPEED, DISTANCE),
        jackhammer,
    ),
    Sound(
        "fan",
        ("electric fan", "fan whirring", "ventilator", "air conditioner fan"),
        (SPEED,),
        fan,
    ),
)
