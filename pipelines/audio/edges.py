"""The silence around a piece of speech: cut off where pieces meet, added where a pause is due."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.protocol import Waveform

FRAME_SECONDS = 0.005
MARGIN_SECONDS = 0.03
"""What is kept of the silence on each side, for soft beginnings and endings."""
QUIET = 10 ** (-42 / 20)
"""Silence, as a part of the level of the louder frames."""
_LOUD_SHARE = 90.0


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


def sounding(wave: Waveform, edges: Edges, sample_rate: int) -> tuple[int, int]:
    """The samples of `wave` that stay: all but the silence at the ends where `edges` say so."""
    if not (edges.cut_start or edges.cut_end):
        return 0, len(wave)
    start, stop = _sounding(wave, sample_rate)
    return start if edges.cut_start else 0, stop if edges.cut_end else len(wave)


def with_pauses(wave: Waveform, edges: Edges, sample_rate: int) -> Waveform:
    """`wave` with the silence before and after it that `edges` ask for."""
    if not (edges.before or edges.after):
        return wave
    return np.concatenate(
        [_silence(edges.before, sample_rate), wave, _silence(edges.after, sample_rate)]
    )


def _silence(seconds: float, sample_rate: int) -> Waveform:
    return np.zeros(round(seconds * sample_rate), np.float32)


def _sounding(wave: Waveform, sample_rate: int) -> tuple[int, int]:
    """The samples from the first to the last frame that is heard, with a margin."""
    size = round(FRAME_SECONDS * sample_rate)
    frames = len(wave) // size
    if frames == 0:
        return 0, len(wave)
    levels = np.sqrt(np.square(wave[: frames * size].reshape(frames, size)).mean(axis=1))
    loud = np.flatnonzero(levels > QUIET * np.percentile(levels, _LOUD_SHARE))
    if not len(loud):
        return 0, len(wave)
    margin = round(MARGIN_SECONDS * sample_rate)
    return max(0, int(loud[0]) * size - margin), min(len(wave), (int(loud[-1]) + 1) * size + margin)
