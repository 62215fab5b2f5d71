"""Speech made shorter or longer without a change of pitch.

Waveform similarity overlap-add (Verhelst and Roelands, 1993): frames are laid out at a constant
hop, each taken from near the place that the factor asks for, where it continues the one before it
best.
"""

from __future__ import annotations

import numpy as np

from pipelines.protocol import Waveform

FRAME_SECONDS = 0.024
SEARCH_SECONDS = 0.008


def stretched(wave: Waveform, factor: float, sample_rate: int) -> Waveform:
    """`wave` at `factor` times its speed and the same pitch: `round(samples / factor)` samples."""
    length = round(len(wave) / factor)
    hop = round(FRAME_SECONDS * sample_rate / 2)
    search = round(SEARCH_SECONDS * sample_rate)
    if factor == 1 or length == 0 or len(wave) < 2 * hop:
        return wave[:length] if factor >= 1 else np.pad(wave, (0, length - len(wave)))
    window = (0.5 - 0.5 * np.cos(np.pi * (np.arange(2 * hop) + 0.5) / hop)).astype(np.float32)
    padded = np.pad(wave, (hop + search, 4 * hop + search)).astype(np.float32)
    frames = -(-length // hop) + 1
    out = np.zeros((frames + 1) * hop, np.float32)
    taken = search
    for frame in range(frames):
        if frame:
            wanted = min(round(frame * hop * factor) + search, len(padded) - 2 * hop - search)
            taken = _best(padded, taken + hop, wanted, hop, search)
        out[frame * hop : (frame + 2) * hop] += window * padded[taken : taken + 2 * hop]
    return out[hop : hop + length]


def _best(wave: Waveform, follows: int, wanted: int, hop: int, search: int) -> int:
    """Within `search` of `wanted`, where the wave is most like what follows the frame before."""
    pattern = wave[follows : follows + hop]
    if len(pattern) < hop:
        return wanted
    region = wave[wanted - search : wanted + search + hop]
    likeness = np.correlate(region, pattern, "valid")
    energy = np.cumsum(np.concatenate([[0.0], np.square(region, dtype=np.float64)]))
    norm = np.sqrt(np.maximum(energy[hop:] - energy[:-hop], 1e-9))
    return wanted - search + int(np.argmax(likeness / norm))
