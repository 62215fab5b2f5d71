"""Speech made shorter or longer without a change of pitch.

Frames are laid out at a constant hop and overlap by half. As long as a frame that simply goes on
from the one before it is near the place that the factor asks for, it is taken; else one near that
place which lies whole cycles of the voice from there, so that the two continue each other
(synchronised overlap-add, Roucos and Wilgus, 1985). The cycles are those of the pitch that the
speech was made with. A search for the most similar place in the waveform itself (WSOLA) would
follow its rounding, which depends on the batch and the processor: neighbouring cycles are nearly
equal, so that the last bit chooses between them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Waveform

FRAME_SECONDS = 0.024
REACH_SECONDS = 0.0125
"""How far from its place a frame may lie: half a cycle of the lowest voices, and at twice the speed
every other frame still goes on."""

Cycles = NDArray[np.float64]
"""`[samples]`: how many cycles the voice has gone through; it rises hardly where there is none."""


def cycles_of(f0: NDArray[np.float32], step: int, sample_rate: int) -> Cycles:
    """Of a contour in Hz, one value for each `step` samples, as the harmonic source counts them."""
    cycles = np.cumsum(np.maximum(f0, 0.0), dtype=np.float64) * step / sample_rate
    middles = (np.arange(len(f0)) + 0.5) * step - 0.5
    return np.interp(np.arange(len(f0) * step), middles, cycles)


def stretched(wave: Waveform, factor: float, sample_rate: int, cycles: Cycles) -> Waveform:
    """`wave` at `factor` times its speed and the same pitch: `round(samples / factor)` samples."""
    length = round(len(wave) / factor)
    hop = round(FRAME_SECONDS * sample_rate / 2)
    reach = round(REACH_SECONDS * sample_rate)
    if factor == 1 or length == 0 or len(wave) < 2 * hop:
        return wave[:length] if factor >= 1 else np.pad(wave, (0, length - len(wave)))
    window = (0.5 - 0.5 * np.cos(np.pi * (np.arange(2 * hop) + 0.5) / hop)).astype(np.float32)
    before, after = hop + reach, 4 * hop + reach
    padded = np.pad(wave, (before, after)).astype(np.float32)
    phases = np.pad(cycles[: len(wave)], (before, after), mode="edge")
    frames = -(-length // hop) + 1
    out = np.zeros((frames + 1) * hop, np.float32)
    taken = reach
    for frame in range(frames):
        if frame:
            wanted = min(round(frame * hop * factor) + reach, len(padded) - 2 * hop - reach)
            taken += hop
            if abs(taken - wanted) > reach:
                taken = wanted + _shift(phases, taken + hop // 2, wanted + hop // 2, reach)
        out[frame * hop : (frame + 2) * hop] += window * padded[taken : taken + 2 * hop]
    return out[hop : hop + length]


def _shift(cycles: Cycles, follows: int, wanted: int, reach: int) -> int:
    """From `wanted` to the nearest sample that lies whole cycles from `follows`, at most `reach`;
    0 where no cycle is so short."""
    near = cycles[wanted - reach : wanted + reach + 1]
    apart = cycles[min(follows, len(cycles) - 1)] - cycles[wanted]
    goal = cycles[wanted] + apart - np.round(apart)
    place = int(np.searchsorted(near, goal))
    return place - reach if 0 < place < len(near) else 0
