from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.audio.joining import CrossFade
from pipelines.models.seedvc import content
from pipelines.models.seedvc.windows import OVERLAP_FRAMES, context_frames, window_bounds


def test_windows_both_models_see_the_same_number_of_frames() -> None:
    assert context_frames(22050, 256) == context_frames(44100, 512) == 2580


def test_windows_bounds_of_the_recorded_conversions() -> None:
    assert [b - a for a, b in window_bounds(2874, 2338)] == [2338, 552]
    assert [b - a for a, b in window_bounds(1089, 427)] == [427, 427, 267]


@given(frames=st.integers(1, 20_000), window=st.integers(427, 2580))
def test_windows_cover_every_frame_and_overlap_by_sixteen(frames: int, window: int) -> None:
    bounds = window_bounds(frames, window)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == frames
    assert all(stop - start <= window for start, stop in bounds)
    assert all(stop - start > OVERLAP_FRAMES for start, stop in bounds[1:])
    for (_, stop), (start, _) in pairwise(bounds):
        assert start == stop - OVERLAP_FRAMES


@given(
    frames=st.integers(1, 400), window=st.integers(17, 100), hop=st.sampled_from([1, 4]), seed=...
)
def test_a_signal_cut_into_windows_is_joined_again(
    frames: int, window: int, hop: int, seed: int
) -> None:
    signal = np.random.default_rng(seed % 2**32).standard_normal(frames * hop).astype(np.float32)
    fade = CrossFade(OVERLAP_FRAMES * hop)
    bounds = window_bounds(frames, window)
    parts = [fade.add(signal[a * hop : b * hop]) for a, b in bounds]
    joined = np.concatenate([*parts, fade.close()])
    # Squared sine and cosine add up to one.
    np.testing.assert_allclose(joined, signal, atol=1e-5)


def test_content_windows_of_the_recorded_conversion() -> None:
    plan = content.encoder_windows(480_000 + 53_920)
    assert [window.stop - window.start for window in plan] == [480_000, 133_920]
    assert [window.features for window in plan] == [1500, 419]


@given(samples=st.integers(1, 16_000 * 300))
def test_content_windows_cover_every_sample_once(samples: int) -> None:
    plan = content.encoder_windows(samples)
    new = [(window.start + 320 * window.known, window.stop) for window in plan]
    assert new[0][0] == 0
    assert new[-1][1] == samples
    assert all(a[1] == b[0] for a, b in pairwise(new))
    assert all(0 < window.stop - window.start <= content.WINDOW_SAMPLES for window in plan)
