"""Long conversions: windows of mel frames that overlap. Imports no torch, for the HTTP process."""

from __future__ import annotations

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
