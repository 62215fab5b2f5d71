"""What flows between the stages. Imports no torch: segments also pass through other processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Acoustic, Segment
from pipelines.units import LatentColumns, MelFrames

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SoundSegment(Segment):
    """One sound.

    `text` `[positions, context]` is what the description says, `no_text` the same of an empty one,
    absent where the guidance needs none.
    """

    length: LatentColumns
    text: Floats
    no_text: Floats | None
    steps: int
    guidance: float
    missing: int
    """Samples by which the sound will be shorter than asked; below 0 where it will be longer."""


@dataclass(frozen=True, slots=True, eq=False)
class SoundAcoustic(Acoustic):
    """A log10-mel `[80, length]`, to be lengthened by `missing` samples of silence at each end."""

    length: MelFrames
    mel: Floats
    missing: int
