"""Batches of flows in few shapes, for networks that are captured by shape.

The frames of a batch are packed, so that filling it up costs as many frames as are added, wherever
they are. What is added are sequences of no account.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.runtime.graphs import rounded_up

RUNGS = 4
"""To an octave, of the lengths that sequences are padded to."""
MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class Filling:
    """Lengths of the sequences that are added, and what all are padded to where they have to be."""

    added: tuple[int, ...]
    longest: int


def filling(lengths: Sequence[int], window: int) -> Filling:
    """What makes a batch of one of few shapes. `window` are the frames of a full window, the
    length that most sequences have.

    The shape is the number of sequences, `longest`, and how often half of that goes into all
    frames.
    """
    longest = _padded_length(max(lengths), window)
    added = rounded_up(len(lengths)) + 1 - len(lengths)
    half = longest // 2
    frames = half * math.ceil((sum(lengths) + added) / half) - sum(lengths)
    return Filling(tuple((frames + place) // added for place in range(added)), longest)


def _padded_length(length: int, window: int) -> int:
    """More than the length, so that each full window has room for a frame of what is added."""
    rung = math.floor(RUNGS * math.log2(window / length) + 1e-9)
    return (math.ceil(window * 2 ** (-rung / RUNGS)) // MULTIPLE + 2) * MULTIPLE
