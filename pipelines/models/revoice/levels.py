"""How loud a recording is, 80 times a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Waveform

SAMPLE_RATE = 16_000
HOP = 200
WINDOW = 400
FLOOR = -9.0
"""Nepers: what is softer than the loudest by this counts as silence."""
LOUDEST_PERCENTILE = 95.0

Levels = NDArray[np.float32]


def levels(wave: Waveform) -> Levels:
    """Of `[samples]` at 16 kHz: the logarithm of the root mean square of 25 ms about the middle of
    each 12.5 ms, `[samples // 200]`, nepers relative to the loud parts, at least FLOOR."""
    frames = len(wave) // HOP
    side = (WINDOW - HOP) // 2
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    starts = np.arange(frames) * HOP
    first, last = np.maximum(starts - side, 0), np.minimum(starts + HOP + side, len(wave))
    power = np.maximum((energy[last] - energy[first]) / (last - first), 1e-12)
    logarithm = 0.5 * np.log(power)
    if frames:
        logarithm -= np.percentile(logarithm, LOUDEST_PERCENTILE)
    floored: Levels = np.maximum(logarithm, FLOOR).astype(np.float32)
    return floored
