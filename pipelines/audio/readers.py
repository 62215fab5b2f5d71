"""What the readers of sound files have in common."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK = 65_536
"""Samples of each channel that are read at a time, at most."""
START_SECONDS = 0.5
LEAST_SPEED = 50.0
"""Computing that a file may take: these seconds, and one more for so many seconds that it plays. On
one core of a laptop it is 150 seconds at least, mostly more than 1,000."""

Block = NDArray[np.float32]
"""`[samples, channels]`, in [-1, 1] except where floats in the file are beyond."""


class Fault(Enum):
    """What can be wrong with a file."""

    NOT_AUDIO = "not_audio"
    UNSUPPORTED = "unsupported"
    DAMAGED = "damaged"
    TOO_SLOW = "too_slow"


class Unreadable(Exception):
    """A file cannot be read, or not to its end."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Reader(Protocol):
    """An open file."""

    sample_rate: int
    channels: int
    frames: int | None
    """Samples of each channel, if the file says so."""

    def blocks(self) -> Iterator[Block]:
        """All of it, once. Raises Unreadable."""
        ...
