"""Plays recordings: calls one after the other, strokes, notes of a tune, and sounds that go on.

Every choice comes from the generator of the draw. What a description counts (`Draw.times`) has one
take at each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import soxr

from pipelines.models.foley.recorded.takes import RATE, Take, takes
from pipelines.models.foley.synthesis.signals import (
    SAMPLE_RATE,
    Wave,
    beats,
    placed,
    samples,
    swell,
)
from pipelines.models.foley.synthesis.sound import Draw

Render = Callable[[Draw], Wave]

LOW, HIGH = 0.8, 1.25
"""How fast a take plays at the ends of the pitch, 1 as it was recorded."""
LOOP_LOW, LOOP_HIGH = 0.85, 1.18
JITTERS, WIDE_JITTERS = (0.97, 1.0, 1.03), (0.93, 0.96, 1.0, 1.04, 1.08)
"""By which the takes in one clip differ, where there are several, and where there is one."""
MINOR = (0, 3, 5, 7, 10, 12)
"""Semitones over the home of a tune."""
HEARD = 0.5
"""Of a call that starts near the end of a clip: the least share that is heard."""
HELD = 0.92
"""Of the time to the next note."""
RELEASE = 0.08
"""Seconds in which a note that is held fades out."""
LONGEST_PIECE, SHARE = 2.5, 0.6
"""Seconds, and share of its take, of a piece of a sound that goes on."""
CROSS_FADE = 0.3
"""Of a piece, at both ends."""


class Player:
    """The takes of a kind at 16 kHz, at the rates that one clip needs."""

    def __init__(self, kind: str) -> None:
        self._takes = takes(kind)
        self._played: dict[tuple[int, float], Wave] = {}

    @property
    def pitches(self) -> list[float]:
        return [take.pitch for take in self._takes]

    def __len__(self) -> int:
        return len(self._takes)

    def jitters(self, draw: Draw) -> Iterator[float]:
        """Without end, none twice in a row: no take is heard twice in the same way."""
        last = 0.0
        while True:
            all_of_them = JITTERS if len(self._takes) > 1 else WIDE_JITTERS
            last = float(draw.rng.choice([it for it in all_of_them if it != last]))
            yield last

    def wave(self, number: int, speed: float = 1.0) -> Wave:
        """A take, played faster and so higher where `speed` is above 1."""
        if (number, speed) not in self._played:
            self._played[number, speed] = _resampled(self._takes[number], speed)
        return self._played[number, speed]

    def nearest(self, pitch: float) -> Wave:
        """The take of the nearest note, brought to a pitch in Hz."""
        number = int(np.abs(np.log2(np.array(self.pitches) / pitch)).argmin())
        return self.wave(number, pitch / self.pitches[number])


def _resampled(take: Take, speed: float) -> Wave:
    played: Wave = soxr.resample(take.wave.astype(np.float64), RATE * speed, SAMPLE_RATE)
    return played


def calls(kind: str, shortest_gap: float, longest_gap: float) -> Render:
    """One source that calls, with a gap in seconds after each call, which may be below 0."""

    def render(draw: Draw) -> Wave:
        player, speed = Player(kind), draw.at_pitch(LOW, HIGH)
        gap = draw.at_speed(longest_gap, shortest_gap)
        events: list[tuple[float, Wave]] = []
        if draw.times is None:
            time = draw.any(0.02, min(0.3, 0.1 * draw.seconds))
            for wave in _choices(draw, player, speed):
                seconds = len(wave) / SAMPLE_RATE
                if events and time + HEARD * seconds > draw.seconds:
                    break
                events.append((time, wave * draw.any(0.8, 1)))
                time += seconds + gap * draw.any(0.6, 1.5)
        else:
            pairs = zip(draw.times, _choices(draw, player, speed), strict=False)
            events = [(time, wave * draw.any(0.8, 1)) for time, wave in pairs]
        return placed(draw.count, events)

    return render


def strokes(kind: str, slow: float, fast: float, jitter: float = 0.0) -> Render:
    """Something struck `slow` to `fast` times a second; each stroke rings on beneath the next."""

    def render(draw: Draw) -> Wave:
        player = Player(kind)
        # A drum keeps its skin: one take, or few, in a clip. Where strokes are counted, a second
        # take could hide among louder ones.
        chosen = draw.rng.permutation(len(player))[: 2 if draw.times is None else 1]
        speed = draw.at_pitch(LOW, HIGH)
        times = draw.starts(beats(draw.rng, draw.seconds, draw.at_speed(slow, fast), jitter))
        events = []
        for time, bend in zip(times, player.jitters(draw), strict=False):
            number = int(chosen[0] if draw.rng.random() < 0.8 else chosen[-1])
            wave = player.wave(number, speed * bend)
            events.append((time, wave * draw.any(0.8, 1)))
        return placed(draw.count, events)

    return render


def tune(
    kind: str,
    low: float,
    high: float,
    slow: float,
    fast: float,
    chord: Sequence[float] = (1.0,),
    rings: bool = False,
) -> Render:
    """Notes of a minor scale over a home between `low` and `high` Hz, `slow` to `fast` a second,
    each held until the next, or ringing on where it `rings`. `chord` are the ratios of the pitches
    that sound together."""

    def render(draw: Draw) -> Wave:
        player, home, rate = Player(kind), draw.at_pitch(low, high), draw.at_speed(slow, fast)
        times = list(draw.starts(beats(draw.rng, draw.seconds, rate)))
        events = []
        for time, after in zip(times, [*times[1:], draw.seconds], strict=True):
            root, level = home * 2 ** (int(draw.rng.choice(MINOR)) / 12), draw.any(0.7, 1)
            for ratio in chord:
                wave = player.nearest(root * ratio)
                note = wave if rings else _held(wave, HELD * (after - time))
                events.append((time, level * note))
        return placed(draw.count, events)

    return render


def on_and_on(kind: str) -> Render:
    """A sound without end: pieces of a take, from places at random, cross-faded. It has no single
    events."""

    def render(draw: Draw) -> Wave:
        player = Player(kind)
        speed = draw.at_speed(LOOP_LOW, LOOP_HIGH) * draw.at_pitch(LOW, HIGH)
        whole = player.wave(int(draw.rng.integers(len(player))), speed)
        return placed(draw.count, _pieces(draw, whole))

    return render


def _pieces(draw: Draw, whole: Wave) -> Iterator[tuple[float, Wave]]:
    """Time and wave of each piece; together they are as loud as the take."""
    length = round(min(SHARE * len(whole), samples(LONGEST_PIECE)))
    fade = round(CROSS_FADE * length)
    window = np.ones(length)
    window[:fade] = np.sin(np.linspace(0, np.pi / 2, fade))
    window[-fade:] = window[:fade][::-1]
    for start in range(-fade, draw.count, length - fade):
        first = int(draw.rng.integers(len(whole) - length + 1))
        piece = whole[first : first + length] * window
        yield max(0, start) / SAMPLE_RATE, piece[max(0, -start) :]


def _choices(draw: Draw, player: Player, speed: float) -> Iterator[Wave]:
    """Takes without end, none twice in a row where there are several."""
    last = -1
    for jitter in player.jitters(draw):
        others = [number for number in range(len(player)) if number != last or len(player) == 1]
        last = int(draw.rng.choice(others))
        yield player.wave(last, speed * jitter)


def _held(wave: Wave, seconds: float) -> Wave:
    """At most so long, with a release."""
    note = wave[: samples(seconds)]
    return note * swell(len(note), 0.0, RELEASE)
