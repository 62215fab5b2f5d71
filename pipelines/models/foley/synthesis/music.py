"""Bells, drums and other instruments."""

from __future__ import annotations

from collections.abc import Callable

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
    ringing,
    samples,
    shaped,
    swell,
    tone,
)
from pipelines.models.foley.synthesis.sound import DISTANCE, PITCH, SPACE, SPEED, Draw, Sound

MINOR = np.array([0, 3, 5, 7, 10, 12])


def church_bell(draw: Draw) -> Wave:
    """The partials of a bell, with the minor third."""
    pitch = draw.at_pitch(170, 520)
    partials = [0.5, 1, 1.19, 1.5, 2, 2.51, 3.01, 4.1]
    decays = [5, 4.5, 3.5, 2.5, 2.5, 1.5, 1, 0.7]
    gains = [0.5, 0.7, 0.6, 0.3, 1, 0.4, 0.4, 0.25]
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(0.35, 1.3))):
        bell = ringing(samples(5), [pitch * ratio for ratio in partials], decays, gains)
        events.append((start, bell * swell(samples(5), 0.003, 0.5)))
    return placed(draw.count, events)


def hand_bell(draw: Draw) -> Wave:
    """A small bell that is shaken."""
    pitch = draw.at_pitch(1500, 3400)
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(2.5, 8), 0.2)):
        count = samples(0.8)
        partials = [pitch, 1.52 * pitch, 2.36 * pitch]
        ting = ringing(count, partials, [0.9, 0.6, 0.3], [1, 0.4, 0.5])
        events.append((start, ting * draw.any(0.5, 1)))
    return placed(draw.count, events)


def gong(draw: Draw) -> Wave:
    """Many inharmonic partials that bloom and fade."""
    pitch = draw.at_pitch(65, 170)
    ratios = np.sort(draw.rng.uniform(1, 14, 30))
    events = []
    for start in draw.starts(np.arange(draw.any(0.03, 0.2), draw.seconds, draw.any(4.5, 6))):
        count = samples(6)
        high = ringing(count, pitch * ratios, 4 / ratios**0.3, 1 / ratios**0.5)
        low = ringing(count, [pitch, 1.48 * pitch], [6, 5], [2.5, 1.5])
        events.append((float(start), low + high * swell(count, 0.25, 0.5)))
    return placed(draw.count, events)


def kick(draw: Draw) -> Wave:
    """A bass drum: a sine that drops."""
    low = draw.at_pitch(38, 75)
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(1.0, 3.6))):
        count = samples(0.4)
        body = tone(low * (1 + 3.5 * np.exp(-clock(count) * 30)), count) * fading(count, 0.4)
        click = 0.2 * shaped(draw.rng, count, highpass(1500)) * fading(count, 0.01)
        events.append((start, body + click))
    return placed(draw.count, events)


def snare(draw: Draw) -> Wave:
    """Skin and wires."""
    pitch = draw.at_pitch(140, 280)
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(1.0, 4.0))):
        count = samples(0.3)
        skin = ringing(count, [pitch, 1.7 * pitch], [0.15, 0.1], [1, 0.6])
        wires = shaped(draw.rng, count, band(3600, 1.0)) * fading(count, 0.25)
        events.append((start, 0.7 * skin + 0.8 * wires))
    return placed(draw.count, events)


def drum_roll(draw: Draw) -> Wave:
    """Quick strokes on a snare drum that grow together."""
    rate = draw.at_speed(14, 32)
    count = samples(0.09)
    events = []
    for number, start in enumerate(draw.starts(beats(draw.rng, draw.seconds, rate, 0.1))):
        wires = shaped(draw.rng, count, band(3000, 1.1)) * fading(count, 0.1)
        skin = ringing(count, [190.0], [0.1], [1.0])
        events.append((start, (wires + 0.5 * skin) * (0.7 + 0.3 * (number % 2))))
    return placed(draw.count, events)


def hi_hat(draw: Draw) -> Wave:
    """Closed and open strokes on a pair of cymbals."""
    events = []
    for number, start in enumerate(
        draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(2.5, 9)))
    ):
        length = 0.45 if number % 8 == 7 else 0.07
        count = samples(length)
        events.append((start, shaped(draw.rng, count, highpass(5200, 2)) * fading(count, length)))
    return placed(draw.count, events)


def cymbal(draw: Draw) -> Wave:
    """A crash that rings on."""
    events = []
    for start in draw.starts(np.arange(draw.any(0.03, 0.2), draw.seconds, draw.any(2.6, 3.8))):
        count = samples(3.4)
        crash = shaped(draw.rng, count, highpass(2200, 1)) * fading(count, 2.8)
        ring = ringing(count, draw.rng.uniform(1500, 7000, 24), [2.0] * 24, [0.12] * 24)
        events.append((float(start), crash + ring))
    return placed(draw.count, events)


def tom(draw: Draw) -> Wave:
    """Tom-toms and hand drums: a skin with a clear pitch."""
    pitch = draw.at_pitch(80, 230)
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(1.5, 6))):
        count = samples(0.4)
        tuned = pitch * float(draw.rng.choice([1, 1, 1.26, 0.8]))
        skin = tone(tuned * (1 + 0.25 * np.exp(-clock(count) * 18)), count) * fading(count, 0.4)
        slap = 0.15 * shaped(draw.rng, count, band(1200, 0.8)) * fading(count, 0.03)
        events.append((start, skin + slap))
    return placed(draw.count, events)


def marimba(draw: Draw) -> Wave:
    """Wooden bars: the fundamental and its fourth multiple."""
    return _tune(draw, draw.at_pitch(200, 640), draw.at_speed(1.6, 6), _wooden_bar)


def music_box(draw: Draw) -> Wave:
    """Thin steel tines."""
    return _tune(draw, draw.at_pitch(900, 1900), draw.at_speed(1.8, 6), _tine)


def guitar(draw: Draw) -> Wave:
    """Plucked strings."""
    return _tune(draw, draw.at_pitch(100, 300), draw.at_speed(1.3, 5), _string)


def flute(draw: Draw) -> Wave:
    """A breathy tone with vibrato."""
    home, rate = draw.at_pitch(380, 900), draw.at_speed(0.9, 4)
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, rate)):
        count = samples(0.95 / rate)
        pitch = home * 2 ** (draw.rng.choice(MINOR) / 12)
        vibrato = pitch * (1 + 0.006 * np.sin(2 * np.pi * 5 * clock(count)))
        breath = 0.12 * shaped(draw.rng, count, band(2 * pitch, 0.8))
        voice = harmonics(vibrato, count, [1, 0.45, 0.25, 0.08])
        events.append((start, (voice + breath) * swell(count, 0.07, 0.08)))
    return placed(draw.count, events)


def organ(draw: Draw) -> Wave:
    """Chords of pipes."""
    home = draw.at_pitch(90, 260)
    events = []
    length = 1 / draw.at_speed(0.4, 1.4)
    for number, start in enumerate(draw.starts(np.arange(0.02, draw.seconds, length))):
        count = samples(length)
        root = home * 2 ** ([0, 5, 7, 3][number % 4] / 12)
        pipes = sum(
            harmonics(root * ratio, count, [1, 0.7, 0.3, 0.5, 0.1, 0.2, 0.05, 0.25])
            for ratio in (1, 1.26, 1.5)
        )
        events.append((float(start), pipes * swell(count, 0.04, 0.06)))
    return placed(draw.count, events)


def _wooden_bar(draw: Draw, pitch: float) -> Wave:
    count = samples(0.7)
    bar = ringing(count, [pitch, 3.93 * pitch, 9.2 * pitch], [0.7, 0.2, 0.07], [1, 0.35, 0.2])
    return bar + 0.08 * shaped(draw.rng, count, lowpass(1000)) * fading(count, 0.02)


def _tine(_draw: Draw, pitch: float) -> Wave:
    return ringing(
        samples(1.2), [pitch, 2.01 * pitch, 5.4 * pitch], [1.3, 0.7, 0.15], [1, 0.2, 0.2]
    )


def _string(draw: Draw, pitch: float) -> Wave:
    count = samples(1.3)
    orders = np.arange(1, 19)
    gains = np.abs(np.sin(np.pi * orders * draw.any(0.12, 0.2))) / orders**0.8
    return ringing(count, pitch * orders * (1 + 2e-4 * orders**2) ** 0.5, 1.8 / orders**0.6, gains)


def _tune(draw: Draw, home: float, rate: float, note: Callable[[Draw, float], Wave]) -> Wave:
    """Notes of a minor scale at random."""
    events = []
    for start in draw.starts(beats(draw.rng, draw.seconds, rate)):
        wave = note(draw, home * 2 ** (float(draw.rng.choice(MINOR)) / 12))
        events.append((start, wave * swell(len(wave), 0.002, 0.05)))
    return levelled(filtered(placed(draw.count, events), highpass(40)))


SOUNDS = (
    Sound(
        "church_bell",
        ("church bell", "church bells tolling", "bell tower", "large bell ringing", "bell toll"),
        (SPEED, PITCH, DISTANCE),
        church_bell,
    ),
    Sound(
        "hand_bell",
        (
            "hand bell",
            "small bell jingling",
            "jingle bells",
            "bicycle bell",
            "tinkling bell",
            "small bell chiming",
        ),
        (SPEED, PITCH),
        hand_bell,
    ),
    Sound("gong", ("gong", "gong being struck", "temple gong", "tam-tam"), (PITCH, SPACE), gong),
    Sound(
        "kick",
        ("kick drum", "bass drum", "bass drum beat", "four-on-the-floor kick"),
        (SPEED, PITCH),
        kick,
    ),
    Sound(
        "snare",
        ("snare drum", "snare drum hits", "snare", "snare beat"),
        (SPEED, PITCH, SPACE),
        snare,
    ),
    Sound(
        "drum_roll",
        ("drum roll", "snare drum roll", "rolling drums", "drumroll before an announcement"),
        (SPEED, SPACE),
        drum_roll,
    ),
    Sound(
        "hi_hat",
        ("hi-hat", "hi-hat pattern", "closed hi-hats", "ticking hi-hat cymbals"),
        (SPEED,),
        hi_hat,
    ),
    Sound(
        "cymbal",
        ("cymbal crash", "crash cymbal", "cymbals clashing", "cymbal"),
        (DISTANCE, SPACE),
        cymbal,
    ),
    Sound(
        "tom",
        ("tom-tom drums", "hand drum", "tribal drums", "jungle drums", "toms"),
        (SPEED, PITCH, DISTANCE),
        tom,
    ),
    Sound(
        "marimba",
        ("marimba", "xylophone", "wooden xylophone melody", "marimba melody"),
        (SPEED, PITCH),
        marimba,
    ),
    Sound(
        "music_box",
        ("music box", "music box melody", "tinkling music box", "toy music box"),
        (SPEED, PITCH),
        music_box,
    ),
    Sound(
        "guitar",
        ("guitar", "acoustic guitar plucking", "plucked guitar strings", "guitar melody"),
        (SPEED, PITCH, SPACE),
        guitar,
    ),
    Sound(
        "flute",
        ("flute", "flute melody", "recorder tune", "flute playing"),
        (SPEED, PITCH, SPACE),
        flute,
    ),
    Sound(
        "organ",
        ("church organ", "pipe organ", "organ chords", "organ music"),
        (SPEED, PITCH, SPACE),
        organ,
    ),
)
