"""What flows between the stages. Imports no torch: segments also pass through other processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Acoustic, Segment
from pipelines.units import MelFrames

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ConversionSegment(Segment):
    """One window of the source behind the whole reference; `length` counts both.

    `prompt` `[reference frames, bands]` is the log-mel of the reference, `prompt_content`
    `[reference frames, channels]` what is said in it, `style` `[192]` its speaker embedding; the
    segments of a clip share these arrays, so that they travel together once. `content`
    `[frames, channels]` is what is said in the window, `gate` `[frames]` 0 where nobody speaks.
    """

    length: MelFrames
    prompt: Floats
    prompt_content: Floats
    style: Floats
    content: Floats
    steps: int
    guidance: float
    gate: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MelAcoustic(Acoustic):
    """A log-mel `[bands, length]`, and `gate` `[length]`, 0 where the waveform is to be silent."""

    length: MelFrames
    mel: Floats
    gate: Floats | None = None
