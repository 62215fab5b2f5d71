"""Where a long source is cut: in its quietest moments. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OVERLAP_FRAMES = 4
"""Consecutive windows share so many frames (0.1 s), over which their audio is cross-faded."""
CONTEXT_FRAMES = 40
"""What is heard on either side of a window besides (1 s)."""
SHORTEST, LONGEST = 200, 480
"""Frames of a window that is not the last: 5 to 12 s."""


@dataclass(frozen=True, slots=True)
class Window:
    """Frames `start` to `stop` (exclusive), heard from `begin` to `end`."""

    begin: int
    start: int
    stop: int
    end: int


def windows(loudness: NDArray[np.floating]) -> list[Window]:
    """Windows over a source of which the loudness of each frame is given."""
    frames = len(loudness)
    # How loud the loudest frame of each possible overlap is.
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
