"""Peaks beyond full scale, bent instead of cut."""

from __future__ import annotations

import numpy as np

from pipelines.protocol import Waveform

CEILING = 0.99
"""Of full scale: no sample is louder."""


def soft_clipped(waveform: Waveform, knee: float) -> Waveform:
    """Linear up to `knee`, then a tanh that approaches `CEILING`. The waveform itself where none of
    it is beyond the knee."""
    size = np.abs(waveform)
    if not len(size) or size.max() <= knee:
        return waveform
    room = CEILING - knee
    bent = knee + room * np.tanh((size - knee) / room)
    return np.where(size > knee, np.sign(waveform) * bent, waveform).astype(np.float32)
