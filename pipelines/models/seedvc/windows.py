"""Long conversions: windows of mel frames that overlap, and the cross-fade that joins their audio.

Imports no torch, so that the HTTP process can join.
"""

from __future__ import annotations

import numpy as np

from pipelines.protocol import Waveform

OVERLAP_FRAMES = 16
CONTEXT_SECONDS = 30


def context_frames(sample_rate: int, hop: int) -> int:
    """Frames that the estimator sees at once, those of the reference included."""
    return sample_rate // hop * CONTEXT_SECONDS


def window_bounds(frames: int, window: int) -> list[tuple[int, int]]:
    """First and last (exclusive) frame of each window over `frames` frames."""
    bounds = [(0, min(window, frames))]
    while bounds[-1][1] < frames:
        start = bounds[-1][1] - OVERLAP_FRAMES
        bounds.append((start, min(start + window, frames)))
    return bounds


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
