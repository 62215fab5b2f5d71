"""What flows between the stages. Imports no torch: segments also pass through other processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Segment

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class RevoiceSegment(Segment):
    """One window of a source with some of what is around it: `length` counts the frames (25 ms) of
    all, `before` and `after` those that are around.

    `heard` `[length, 512]` is what Whisper hears, `levels` `[length, 2]` how loud it is; `pitch`
    `[2 · frames of the window]` in Hz, 0 where nothing is voiced; `style` `[128]` and `gain` are
    those of the voice.
    """

    heard: NDArray[np.float16]
    levels: Floats
    before: int
    after: int
    pitch: Floats
    style: Floats
    gain: float
