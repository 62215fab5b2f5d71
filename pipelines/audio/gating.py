"""Silence where a waveform should hold none of its own. Imports no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Waveform


def gated(wave: Waveform, gate: NDArray[np.float32] | None) -> Waveform:
    """A wave times a gate of which so many values, 0 to 1, lie evenly over it; from one to the next
    it is faded. Without a gate as it is."""
    if gate is None or gate.min(initial=1) == 1:
        return wave
    middles = (np.arange(len(gate)) + 0.5) * len(wave) / len(gate)
    faded: Waveform = wave * np.interp(np.arange(len(wave)), middles, gate).astype(np.float32)
    return faded
