"""The pauses inside a piece of speech: lengthened and shortened where its marks ask for others.

A model pauses at marks as it likes. Each mark has a least and a longest pause; the waveform is cut
open in the quietest moment beside it, and gets silence there or loses some.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.audio.edges import FADE_SECONDS, LOUD_SHARE, QUIET

CLOSED = 30 / 10 * math.log(10)
"""How far a moment is below the louder parts that may be opened for a pause, as `QUIET`: 30 dB.
Where the voice goes on without such a moment there is no pause."""
REACH_SECONDS = 0.06
"""How far from its mark a pause may be."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Between two words: from the end of one to the start of the next, in seconds of the waveform,
    and the least and the longest pause."""

    start: float
    stop: float
    least: float
    longest: float


@dataclass(frozen=True, slots=True)
class Cut:
    """At sample `place` so many samples of silence are put in, or if it is below 0 taken out of
    what follows."""

    place: int
    samples: int

    def moved(self, place: float) -> float:
        """Where a sample of the waveform before comes to lie."""
        if place <= self.place:
            return place
        return max(self.place, place + self.samples)


def cuts(
    marks: Sequence[Mark], energy: NDArray[np.float32], step: int, sample_rate: int
) -> tuple[Cut, ...]:
    """What is to be done, the last place first.

    `energy` `[values]` is the natural logarithm of the power that the waveform was asked to have,
    one value for each `step` samples: as in `edges.kept`, places are found in it, so that they are
    those of a batch and alone.
    """
    if not marks or not len(energy):
        return ()
    loud = float(np.percentile(energy, LOUD_SHARE))
    found = []
    taken = len(energy)
    for mark in reversed(marks):
        first = max(0, math.floor((mark.start - REACH_SECONDS) * sample_rate / step))
        last = min(taken, math.ceil((mark.stop + REACH_SECONDS) * sample_rate / step))
        if first >= last:
            continue
        begin, end = _silence(energy < loud - QUIET, first, last)
        if begin == end and energy[first:last].min() >= loud - CLOSED:
            continue
        cut = _cut(mark, energy, begin, end, first, last, step, sample_rate)
        if cut.samples:
            found.append(cut)
            taken = min(first, begin)
    return tuple(found)


def _cut(
    mark: Mark,
    energy: NDArray[np.float32],
    begin: int,
    end: int,
    first: int,
    last: int,
    step: int,
    sample_rate: int,
) -> Cut:
    """In the silence from value `begin` to before `end`, or in the quietest value where there is
    none."""
    now = (end - begin) * step
    least, longest = (round(it * sample_rate) for it in (mark.least, mark.longest))
    if now > longest:
        return Cut(begin * step + longest // 2, longest - now)
    if begin == end:
        begin, end = first, last
    quietest = begin + int(energy[begin:end].argmin())
    return Cut(quietest * step + step // 2, max(0, least - now))


def _silence(quiet: NDArray[np.bool_], first: int, last: int) -> tuple[int, int]:
    """Begin and end of the longest run of quiet values that touches those from `first` to before
    `last`; twice the same where there is none."""
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8), prepend=0, append=0))
    runs = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    near = [(a, b) for a, b in runs if a < last and b > first]
    return max(near, key=lambda run: run[1] - run[0], default=(first, first))


def paused(
    wave: NDArray[np.float32], found: Sequence[Cut], sample_rate: int
) -> NDArray[np.float32]:
    """The waveform with its cuts, faded on both sides of each."""
    size = round(FADE_SECONDS * sample_rate)
    for cut in found:
        before, after = wave[: cut.place].copy(), wave[cut.place + max(0, -cut.samples) :].copy()
        slope = np.linspace(0, 1, min(size, len(before), len(after)), dtype=np.float32)
        before[len(before) - len(slope) :] *= slope[::-1]
        after[: len(slope)] *= slope
        wave = np.concatenate([before, np.zeros(max(0, cut.samples), np.float32), after])
    return wave


def held(values: NDArray[np.float64], found: Sequence[Cut]) -> NDArray[np.float64]:
    """Values for each sample, as the waveform with its cuts has them; the last before silence goes
    on in it."""
    for cut in found:
        added = np.full(max(0, cut.samples), values[min(cut.place, len(values) - 1)])
        rest = values[cut.place + max(0, -cut.samples) :]
        values = np.concatenate([values[: cut.place], added, rest])
    return values
