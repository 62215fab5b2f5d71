"""Where a long source is cut: in its quietest moments. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OVERLAP_FRAMES = 4
"""Consecutive windows share so many frames (0.1 s), over which their audio is cross-faded."""
CONTEXT_FRAMES = 40
"""Context on either side of a window (1 s)."""
SHORTEST, LONGEST = 200, 480
"""Frames of a window that is not the last: 5 to 12 s."""


@dataclass(frozen=True, slots=True)
class Window:
    """Frames `start` to `stop` (exclusive), with their context `begin` to `end`."""

    begin: int
    start: int
    stop: int
    end: int


def windows(loudness: NDArray[np.floating]) -> list[Window]:
    """Windows over a source whose loudness of each frame is `loudness` `[frames]`."""
    frames = len(loudness)
    # Loudness of the loudest frame of each possible overlap.
    padded = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([loudness, np.full(OVERLAP_FRAMES, np.inf)]), OVERLAP_FRAMES
    )
    overlaps = padded.max(axis=1)
    found: list[Window] = []
    start = 0
    while True:
        last = frames - start <= LONGEST
        stop = frames
        if not last:
            earliest = start + SHORTEST - OVERLAP_FRAMES
            choices = overlaps[earliest : start + LONGEST - OVERLAP_FRAMES + 1]
            # Of equally quiet moments the latest.
            quietest = len(choices) - 1 - int(np.argmin(choices[::-1]))
            stop = earliest + quietest + OVERLAP_FRAMES
        begin, end = max(0, start - CONTEXT_FRAMES), min(frames, stop + CONTEXT_FRAMES)
        found.append(Window(begin, start, stop, end))
        if last:
            return found
        start = stop - OVERLAP_FRAMES
