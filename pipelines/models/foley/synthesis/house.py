"""Things at home."""

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
    placed,
    pulses,
    ringing,
    samples,
    shaped,
    sparks,
    swell,
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


def clock_ticking(draw: Draw) -> Wave:
    """Tick, tock: two clicks by turns."""
    scale = draw.at_pitch(0.6, 1.6)
    count = samples(0.05)
    clicks = []
    for colour in (2900 * scale, 2300 * scale):
        body = ringing(count, [colour, 1.7 * colour], [0.03, 0.02], [1, 0.6])
        clicks.append(body + 0.4 * shaped(draw.rng, count, highpass(2000)) * fading(count, 0.012))
    times = draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(1.0, 5.0)))
    return placed(draw.count, [(time, clicks[n % 2]) for n, time in enumerate(times)])


def knocking(draw: Draw) -> Wave:
    """Knuckles on a wooden door, in groups."""
    rate = draw.at_speed(2.2, 7.5)
    scale = draw.any(0.8, 1.25)
    events = []
    for start in draw.starts(np.arange(draw.any(0.05, 0.25), draw.seconds, 4 / rate + 0.9)):
        for index in range(int(draw.rng.integers(3, 5)) if draw.times is None else 1):
            count = samples(0.14)
            wood = ringing(
                count, [150 * scale, 320 * scale, 610 * scale], [0.13, 0.08, 0.05], [1, 0.7, 0.4]
            )
            snap = shaped(draw.rng, count, band(1500, 0.9)) * fading(count, 0.02)
            gain = draw.any(0.8, 1.0)
            events.append((float(start) + index / rate, gain * (wood + 0.3 * snap)))
    return placed(draw.count, events)


def creaking(draw: Draw) -> Wave:
    """A door on a dry hinge: it sticks and slips."""
    events = []
    scale = draw.at_pitch(0.65, 1.6)
    for start in draw.starts(np.arange(draw.any(0.0, 0.3), draw.seconds, 2.6)):
        length = draw.any(1.1, 2.0)
        count = samples(length)
        slips = (
            55 * scale * np.exp(0.5 * wander(draw.rng, count, 2.5)) * np.linspace(0.8, 1.5, count)
        )
        squeak = filtered(
            pulses(slips, count),
            lambda f: band(850 * scale, 0.1)(f) + 0.8 * band(1900 * scale, 0.08)(f) + 0.15,
        )
        events.append((float(start), levelled(squeak) * swell(count, draw.attack(0.2), 0.4)))
    return placed(draw.count, events)


def doorbell(draw: Draw) -> Wave:
    """Ding-dong."""
    events = []
    high = draw.at_pitch(480, 1000)
    for start in draw.starts(np.arange(draw.any(0.05, 0.2), draw.seconds, draw.any(2.6, 3.4))):
        for offset, pitch in ((0.0, high), (0.55, high * 0.794)):
            count = samples(1.6)
            chime = ringing(
                count, [pitch, 2 * pitch, 4.2 * pitch], [1.8, 0.9, 0.3], [1, 0.25, 0.15]
            )
            events.append((float(start) + offset, chime * swell(count, 0.003, 0.05)))
    return placed(draw.count, events)


def telephone(draw: Draw) -> Wave:
    """An old telephone: two gongs struck by turns, one second on, two off."""
    scale = draw.at_pitch(0.7, 1.4)
    rate = draw.any(18, 22)
    events = []
    for start in draw.starts(np.arange(draw.any(0.02, 0.2), draw.seconds, draw.any(2.2, 2.8))):
        for index in range(round(rate * 1.2)):
            pitch = (1150 if index % 2 else 1420) * scale
            count = samples(0.5)
            gong = ringing(
                count, [pitch, 2.4 * pitch, 4.1 * pitch], [0.6, 0.3, 0.15], [1, 0.7, 0.4]
            )
            events.append((float(start) + index / rate, gong))
    return placed(draw.count, events)


def alarm_clock(draw: Draw) -> Wave:
    """Electronic beeps in fours."""
    pitch, rate = draw.at_pitch(1200, 3200), draw.at_speed(5, 13)
    square = [1, 0, 0.33, 0, 0.2]
    length = samples(0.55 / rate)
    beep = harmonics(pitch, length, square) * swell(length, 0.002, 0.002)
    events = []
    for start in draw.starts(np.arange(draw.any(0.02, 0.15), draw.seconds, 4 / rate + 0.42)):
        beeps = 4 if draw.times is None else 1
        events += [(float(start) + index / rate, beep) for index in range(beeps)]
    return placed(draw.count, events)


def typing(draw: Draw) -> Wave:
    """Keys of a computer keyboard."""
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(3, 11), 0.7)):
        colour = draw.any(1800, 3600)
        down = shaped(draw.rng, samples(0.015), band(colour, 0.6)) * fading(samples(0.015), 0.015)
        thud = shaped(draw.rng, samples(0.03), band(350, 0.6)) * fading(samples(0.03), 0.04)
        gain = draw.any(0.5, 1.0)
        events += [(start, gain * down), (start, 0.5 * gain * thud), (start + 0.07, 0.35 * down)]
    return placed(draw.count, events)


def glass(draw: Draw) -> Wave:
    """A crash, then shards that tinkle."""
    events = []
    for start in draw.starts(np.arange(draw.any(0.03, 0.3), draw.seconds, 3.6)):
        crash = shaped(draw.rng, samples(0.4), highpass(1500, 1)) * fading(samples(0.4), 0.25)
        events.append((float(start), draw.at_intensity(0.6, 1.6) * crash))
        for _ in range(round(draw.at_intensity(8, 45))):
            pitch = draw.any(2300, 7200)
            shard = ringing(samples(0.2), [pitch, 1.31 * pitch], [0.2, 0.12], [1, 0.6])
            delay = float(draw.rng.exponential(0.3))
            events.append((float(start) + delay, shard * draw.any(0.15, 0.5) * np.exp(-delay)))
    return placed(draw.count, events)


def coins(draw: Draw) -> Wave:
    """Coins that fall and settle, ringing faster and faster."""
    events = []
    scale = draw.at_pitch(0.65, 1.5)
    for start in draw.starts(np.arange(draw.any(0.03, 0.2), draw.seconds, draw.any(1.6, 2.4))):
        pitch, time, gap, gain = 3000 * scale * draw.any(0.9, 1.1), float(start), 0.3, 1.0
        for _ in range(9):
            count = samples(0.35)
            ring = ringing(
                count, [pitch, 1.54 * pitch, 2.3 * pitch], [0.4, 0.3, 0.2], [1, 0.7, 0.5]
            )
            events.append((time, gain * ring))
            time, gap, gain = time + gap, gap * 0.72, gain * 0.75
    return placed(draw.count, events)


def vacuum(draw: Draw) -> Wave:
    """A motor's whine in a rush of air."""
    pitch = draw.at_pitch(170, 400) * (1 + 0.01 * wander(draw.rng, draw.count, 1))
    whine = harmonics(pitch, draw.count, [0.6, 0.3, 0.5, 0.2, 0.3, 0.2, 0.2, 0.1, 0.2])
    air = shaped(draw.rng, draw.count, band(1500, 1.4))
    return levelled(whine) + 0.9 * air


def kettle(draw: Draw) -> Wave:
    """The whistle of a kettle: a steamy tone that climbs and holds."""
    end = draw.at_pitch(1500, 3200)
    climb = 1 - 0.25 * np.exp(-clock(draw.count) / 0.7)
    pitch = end * climb * (1 + 0.004 * wander(draw.rng, draw.count, 12))
    whistle = harmonics(pitch, draw.count, [1, 0.3, 0.1])
    steam = shaped(draw.rng, draw.count, highpass(2500, 1))
    return levelled(whistle) + 0.3 * steam


def paper(draw: Draw) -> Wave:
    """Paper that is crumpled."""
    crackle = sparks(draw.rng, draw.count, 900)
    squeeze = np.exp(1.1 * wander(draw.rng, draw.count, draw.at_speed(1.5, 6)))
    return filtered(crackle, highpass(1200, 1), lowpass(6500)) * squeeze


def clinking(draw: Draw) -> Wave:
    """Glasses that clink."""
    events = []
    base = draw.at_pitch(1700, 3400)
    for start in draw.starts(moments(draw.rng, draw.seconds, draw.at_speed(0.7, 2.2))):
        pitch = base * draw.any(0.96, 1.04)
        count = samples(0.9)
        partials = [pitch, 2.32 * pitch, 1.01 * pitch]
        events.append((start, ringing(count, partials, [0.9, 0.5, 0.8], [1, 0.6, 0.5])))
    return placed(draw.count, events)


SOUNDS = (
    Sound(
        "clock",
        ("clock ticking", "ticking clock", "tick-tock of a clock", "wall clock", "watch ticking"),
        (SPEED, PITCH, SPACE),
        clock_ticking,
    ),
    Sound(
        "knocking",
        ("knocking on a door", "door knock", "knock at the door", "someone knocking", "knocks"),
        (SPEED, DISTANCE, SPACE),
        knocking,
    ),
    Sound(
        "creaking",
        ("creaking door", "door creaking", "squeaky hinge", "creaky door opening"),
        (PITCH, SPACE),
        creaking,
    ),
    Sound(
        "doorbell",
        ("doorbell", "ding-dong doorbell", "door chime", "doorbell ringing"),
        (PITCH, DISTANCE),
        doorbell,
    ),
    Sound(
        "telephone",
        ("telephone ringing", "old phone ringing", "phone ring", "ringing telephone"),
        (PITCH, DISTANCE),
        telephone,
    ),
    Sound(
        "alarm_clock",
        ("alarm clock", "digital alarm beeping", "electronic beeping", "alarm clock beeps"),
        (SPEED, PITCH),
        alarm_clock,
    ),
    Sound(
        "typing",
        ("typing on a keyboard", "keyboard typing", "computer keyboard", "keys being typed"),
        (SPEED,),
        typing,
    ),
    Sound(
        "glass",
        (
            "glass breaking",
            "breaking glass",
            "window shattering",
            "glass smashing",
            "plate smashing on the floor",
        ),
        (INTENSITY, DISTANCE, SPACE),
        glass,
    ),
    Sound(
        "coins",
        ("coin dropping", "coins falling on a table", "dropped coin", "coin spinning"),
        (PITCH,),
        coins,
    ),
    Sound(
        "vacuum",
        ("vacuum cleaner", "vacuum cleaner running", "hoover", "vacuuming"),
        (PITCH, DISTANCE),
        vacuum,
    ),
    Sound(
        "kettle",
        ("kettle whistling", "tea kettle", "whistling kettle", "steam kettle whistle"),
        (PITCH,),
        kettle,
    ),
    Sound(
        "paper",
        ("crumpling paper", "paper being crumpled", "paper crinkling", "rustling paper"),
        (SPEED,),
        paper,
    ),
    Sound(
        "clinking",
        ("glasses clinking", "clinking glasses", "toast with wine glasses", "clink of glass"),
        (SPEED, PITCH),
        clinking,
    ),
)
