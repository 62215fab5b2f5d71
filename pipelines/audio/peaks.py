"""The outline of a waveform: its lowest and highest sample in each of equal parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Waveform

PAIRS = 1_000
_FIRST_WIDTH = 8
"""Samples of the first bins."""
_MOST_BINS = 8 * PAIRS

Pairs = NDArray[np.float32]
"""`[parts, 2]`: lowest and highest sample."""


class Peaks:
    """Collects the outline of samples that come in blocks, and whose number is not known: in bins
    of equal width, of which two are joined whenever there are too many. The memory is bounded, and
    a part of the outline is wrong by at most one bin at its borders: an eighth of its width."""

    def __init__(self) -> None:
        self._width = _FIRST_WIDTH
        self._bins: list[Pairs] = []
        self._count = 0
        self._rest = np.zeros(0, np.float32)

    def add(self, samples: Waveform) -> None:
        """The next samples, `[samples]`."""
        samples = np.concatenate([self._rest, np.asarray(samples, np.float32)])
        while whole := min(len(samples) // self._width, _MOST_BINS - self._count):
            rows = samples[: whole * self._width].reshape(whole, self._width)
            samples = samples[whole * self._width :]
            self._bins.append(np.stack([rows.min(1), rows.max(1)], 1))
            self._count += whole
            if self._count == _MOST_BINS:
                self._halve()
        self._rest = samples

    def _halve(self) -> None:
        """At an even number of bins, whatever the blocks were."""
        joined = _joined(np.concatenate(self._bins).reshape(-1, 2, 2))
        self._bins, self._count = [joined], len(joined)
        self._width *= 2

    def pairs(self) -> bytes:
        """`PAIRS` pairs of signed bytes, of which 127 is full scale. Nothing for no samples."""
        bins = self._bins
        if len(self._rest):
            bins = [*bins, np.array([[self._rest.min(), self._rest.max()]], np.float32)]
        if not bins:
            return b""
        parts = _in_parts(np.concatenate(bins))
        levels: NDArray[np.int8] = np.clip(np.rint(parts * 127), -127, 127).astype(np.int8)
        return levels.tobytes()


def _in_parts(outline: Pairs) -> Pairs:
    """`[bins, 2]` to `[PAIRS, 2]`. A bin at a border counts in both parts."""
    borders = np.linspace(0, len(outline), PAIRS + 1)
    first = np.floor(borders[:-1]).astype(int)
    last = np.maximum(np.ceil(borders[1:]).astype(int), first + 1)
    # `reduceat` reduces from each index to the next: every other result is of a part. One bin more
    # lets the last part end there.
    ends = np.stack([first, last], 1).ravel()
    low, high = np.vstack([outline, outline[-1:]]).T
    return np.stack([np.minimum.reduceat(low, ends)[::2], np.maximum.reduceat(high, ends)[::2]], 1)


def _joined(groups: Pairs) -> Pairs:
    """`[groups, bins, 2]` to `[groups, 2]`."""
    return np.stack([groups[..., 0].min(1), groups[..., 1].max(1)], 1)
