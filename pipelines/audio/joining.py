"""Joining the segments of a clip into one stream of samples."""

from __future__ import annotations

import math

import numpy as np

from pipelines.audio.clipping import soft_clipped
from pipelines.protocol import Waveform

FADE_SECONDS = 0.004
LEVEL_SECONDS = 0.5
LEVEL_TURNS = 4
SILENCE = 1e-6
KNEE = 0.7
"""Of full scale, see `soft_clipped`."""


class SilenceJoin:
    """Silence between segments, each of which fades in and out in a few milliseconds.

    The fades are raised cosines: the signal and its slope are continuous at every join.
    """

    def __init__(self, seconds: float, sample_rate: int) -> None:
        self._silence = np.zeros(round(seconds * sample_rate), np.float32)
        samples = round(FADE_SECONDS * sample_rate)
        phase = np.pi * np.arange(samples) / samples
        self._rise = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
        self._begun = False

    def add(self, waveform: Waveform) -> Waveform:
        """The silence due before this segment, then the segment."""
        faded = self._faded(waveform)
        joined = np.concatenate([self._silence, faded]) if self._begun else faded
        self._begun = True
        return joined

    def close(self) -> Waveform:
        """Nothing is held back."""
        return np.zeros(0, np.float32)

    def _faded(self, waveform: Waveform) -> Waveform:
        samples = min(len(self._rise), len(waveform))
        faded = waveform.astype(np.float32)
        if samples:
            faded[:samples] *= self._rise[:samples]
            faded[-samples:] *= self._rise[:samples][::-1]
        return faded


class CrossFade:
    """Joins the waves of consecutive windows over `overlap` samples, with squared cosines.

    A wave may be shorter than the overlap only if it is the only one.
    """

    def __init__(self, overlap: int) -> None:
        angle = np.linspace(0.0, np.pi / 2, overlap)
        self.overlap = overlap
        self._fade_in = (np.cos(np.pi / 2 - angle) ** 2).astype(np.float32)
        self._fade_out = (np.cos(angle) ** 2).astype(np.float32)
        self._held: Waveform = np.zeros(0, np.float32)

    def add(self, waveform: Waveform) -> Waveform:
        """All but the last `overlap` samples of what is there."""
        if len(self._held):
            waveform = waveform.copy()
            head = waveform[: self.overlap]
            waveform[: self.overlap] = head * self._fade_in + self._held * self._fade_out
        ready = max(0, len(waveform) - self.overlap)
        self._held = waveform[ready:]
        return waveform[:ready]

    def close(self) -> Waveform:
        """The samples held back until the end."""
        rest, self._held = self._held, np.zeros(0, np.float32)
        return rest


class PassThrough:
    """For a clip of one segment: its samples, unchanged."""

    def add(self, waveform: Waveform) -> Waveform:
        """The samples themselves."""
        return waveform

    def close(self) -> Waveform:
        """Nothing is held back."""
        return np.zeros(0, np.float32)


class LevelNormalizer(PassThrough):
    """For a clip of one segment: normalises its level, with soft clipping of the peaks.

    `level` is that of the loudest half second, root mean square, in dB of full scale.
    """

    def __init__(self, level: float, sample_rate: int) -> None:
        self._level = 10 ** (level / 20)
        self._frame = round(LEVEL_SECONDS * sample_rate)

    def add(self, waveform: Waveform) -> Waveform:
        """The samples at the level; silence is not changed."""
        result = waveform
        # Soft clipping lowers the level a little, which the next turn makes up for.
        for _ in range(LEVEL_TURNS):
            loudest = self._loudest(result)
            if loudest < SILENCE:
                return waveform
            result = soft_clipped(result * (self._level / loudest), KNEE)
        return result

    def level_of(self, waveform: Waveform) -> float:
        """In dB of full scale."""
        return 20 * math.log10(max(SILENCE, self._loudest(waveform)))

    def _loudest(self, waveform: Waveform) -> float:
        """Root mean square of the loudest half second, or of all where there is less."""
        frame = min(self._frame, len(waveform))
        energy = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype=np.float64))])
        return float(np.sqrt(max(0.0, (energy[frame:] - energy[:-frame]).max()) / frame))
