"""What flows between the stages. Imports no torch: segments also pass through other processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Segment
from pipelines.units import AlignmentFrames

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class RevoiceSegment(Segment):
    """One window of a source with its context: `length` counts the frames of both, `before` and
    `after` those of the context on either side.

    `content` `[length, 512]` are the features of Whisper, `levels` `[length, 2]` the loudness in
    nepers; `pitch` `[2 · frames of the window]` in Hz, 0 where nothing is voiced; `gate`, as long,
    0 where nobody speaks; `style` `[128]` and `gain` are those of the voice.
    """

    length: AlignmentFrames
    content: NDArray[np.float16]
    levels: Floats
    before: AlignmentFrames
    after: AlignmentFrames
    pitch: Floats
    gate: Floats
    style: Floats
    gain: float
