from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.models.revoice.windows import (
    CONTEXT_FRAMES,
    LONGEST,
    OVERLAP_FRAMES,
    SHORTEST,
    windows,
)


@given(st.integers(1, 3000), st.integers(0, 2**32 - 1))
def test_windows_cover_a_source_and_share_what_is_faded(frames: int, seed: int) -> None:
    found = windows(np.random.default_rng(seed).standard_normal(frames))
    assert (found[0].start, found[-1].stop) == (0, frames)
    for before, after in pairwise(found):
        assert after.start == before.stop - OVERLAP_FRAMES
        assert SHORTEST <= before.stop - before.start <= LONGEST
    for window in found:
        assert OVERLAP_FRAMES < window.stop - window.start <= LONGEST or len(found) == 1
        assert window.begin == max(0, window.start - CONTEXT_FRAMES)
        assert window.end == min(frames, window.stop + CONTEXT_FRAMES)


def test_windows_source_is_cut_where_it_is_quietest() -> None:
    loudness = np.zeros(900)
    loudness[350 : 350 + OVERLAP_FRAMES] = -5
    loudness[300] = -9  # quieter, but not for as long as a cross-fade takes
    assert windows(loudness)[0].stop == 350 + OVERLAP_FRAMES
