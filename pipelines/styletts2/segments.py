"""What flows between the stages of text to speech. All arrays are numpy: they cross processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Acoustic, Segment, State

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SpeechSegment(Segment):
    """One chunk of text. `length` is its number of tokens."""

    text: str
    tokens: NDArray[np.int64]
    """Symbols, wrapped in zeros, `[tokens]`."""
    style: Floats
    """`[2 · style]`: the decoder's half, then the predictor's."""
    speed: float


@dataclass(slots=True)
class SpeechState(State):
    segment: SpeechSegment


@dataclass(frozen=True, slots=True)
class SpeechAcoustic(Acoustic):
    """What the decoder speaks. `length` counts alignment frames (25 ms)."""

    asr: Floats
    """`[hidden, frames]`."""
    f0: Floats
    """`[2 · frames]`, Hz."""
    energy: Floats
    """`[2 · frames]`."""
    style: Floats
    """The decoder's half, `[style]`."""
