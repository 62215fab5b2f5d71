"""Which style a segment is spoken with. Needs no torch."""

from __future__ import annotations

import numpy as np

from pipelines.models.styletts2.segments import Floats
from pipelines.requests.speech import Sampling

CARRIED = 0.7
"""Share of the sentence before in the style of a sentence of a long text."""


def mixed_style(
    sampled: Floats, sampling: Sampling, reference: Floats | None, previous: Floats | None
) -> Floats:
    """`[2 · style]`, from styles of that size.

    The `previous` style of a long text comes in first. Then the timbre half takes a share `alpha`
    of the result and the prosody half `beta`, the rest being that of the `reference`; a model of
    one speaker has none and takes all of it.
    """
    if previous is not None:
        sampled = CARRIED * previous + (1 - CARRIED) * sampled
    if reference is None:
        return sampled
    shares = np.repeat(np.array([sampling.alpha, sampling.beta], np.float32), len(sampled) // 2)
    return np.asarray(shares * sampled + (1 - shares) * reference, np.float32)
