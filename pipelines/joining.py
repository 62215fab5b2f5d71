"""Joining the segments of a clip into one stream of samples."""

from __future__ import annotations

import numpy as np

from pipelines.protocol import Waveform

FADE_SECONDS = 0.004


class SilenceJoin:
    """Silence between segments, each of which fades in and out in a few milliseconds.

    The fades are raised cosines, so that no join steps: neither the signal nor its slope.
    """

    def __init__(self, seconds: float, sample_rate: int) -> None:
        self._silence = np.zeros(round(seconds * sample_rate), np.float32)
        steps = round(FADE_SECONDS * sample_rate)
        self._rise = (0.5 - 0.5 * np.cos(np.pi * np.arange(steps) / steps)).astype(np.float32)
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
        steps = min(len(self._rise), len(waveform))
        faded = waveform.astype(np.float32)
        if steps:
            faded[:steps] *= self._rise[:steps]
            faded[-steps:] *= self._rise[:steps][::-1]
        return faded


class AsItIs:
    """For a clip of one segment: its samples, unchanged."""

    def add(self, waveform: Waveform) -> Waveform:
        """The samples themselves."""
        return waveform

    def close(self) -> Waveform:
        """Nothing is held back."""
        return np.zeros(0, np.float32)
