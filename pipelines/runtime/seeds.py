"""Seeds of the segments of a clip. Imports no torch."""

from __future__ import annotations

import numpy as np


def segment_seed(seed: int, index: int, bits: int = 63) -> int:
    """The seed of segment `index` of a clip: `bits` (at most 64) bits, unrelated between clips and
    between segments."""
    words = np.random.SeedSequence([seed % 2**64, index]).generate_state(1, np.uint64)
    return int(words[0]) >> (64 - bits)
