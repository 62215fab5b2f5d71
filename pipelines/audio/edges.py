"""The silence around a piece of speech: cut off where pieces meet, added where a pause is due."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Waveform

MARGIN_SECONDS = 0.03
"""What is kept of the silence on each side, for soft beginnings and endings."""
FADE_SECONDS = 0.004
QUIET = 42 / 10 * math.log(10)
"""How far silence is below the louder parts, in the natural logarithm of power: 42 dB."""
LOUD_SHARE = 90.0


@dataclass(frozen=True, slots=True)
class Edges:
    """What becomes of the silence around a segment."""

    before: float = 0.0
    """Seconds of silence to begin with."""
    after: float = 0.0
    """Seconds of silence to end with."""
    cut_start: bool = False
    """Whether the silence with which the segment begins goes."""
    cut_end: bool = False


WHOLE = Edges()
"""As it is."""


def kept(edges: Edges, energy: NDArray[np.float32], step: int, sample_rate: int) -> slice:
    """The samples of a segment that stay, if the silence goes at the ends where `edges` say so.

    `energy` `[values]` is the natural logarithm of the power that the waveform was asked to have,
    one value for each `step` samples. What sounds is seen in it and not in the waveform, whose
    rounding depends on the batch and the processor. A threshold turns an error of size e into
    another cut with a probability of e over the change from one value to the next. With energies it
    is nothing for equal acoustics; between acoustics of a batch and alone e is 1e-5, the change 0.1
    to 2. Levels of waveforms in 16 bits differ by 0.1, a thousand times as much as that.
    """
    if not (edges.cut_start or edges.cut_end) or not len(energy):
        return slice(None)
    loud = np.flatnonzero(energy > np.percentile(energy, LOUD_SHARE) - QUIET)
    margin = round(MARGIN_SECONDS * sample_rate)
    start = max(0, int(loud[0]) * step - margin)
    stop = (int(loud[-1]) + 1) * step + margin
    return slice(start if edges.cut_start else None, stop if edges.cut_end else None)


def fade(wave: Waveform, start: bool, end: bool, sample_rate: int) -> None:
    """Fades the ends of `wave` that lie inside speech, in place, so that no step is heard."""
    size = min(round(FADE_SECONDS * sample_rate), len(wave))
    slope = np.linspace(0, 1, size, dtype=np.float32)
    if start:
        wave[:size] *= slope
    if end:
        wave[len(wave) - size :] *= slope[::-1]


def with_pauses(wave: Waveform, edges: Edges, sample_rate: int) -> Waveform:
    """`wave` with the silence before and after it that `edges` ask for."""
    if not (edges.before or edges.after):
        return wave
    return np.concatenate(
        [_silence(edges.before, sample_rate), wave, _silence(edges.after, sample_rate)]
    )


def _silence(seconds: float, sample_rate: int) -> Waveform:
    return np.zeros(round(seconds * sample_rate), np.float32)
