from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pipelines.models.styletts2.sampler import (
    SIGMA_MAX,
    SIGMA_MIN,
    SamplerStep,
    advance,
    levels_of,
    noise_levels,
    preconditioned,
    schedule,
)

CPU = torch.device("cpu")


@given(st.integers(2, 200))
@settings(deadline=None)
def test_sampler_levels_fall_from_the_highest_to_the_lowest(steps: int) -> None:
    levels = noise_levels(steps)
    assert len(levels) == steps
    assert levels[0] == pytest.approx(SIGMA_MAX, rel=1e-5)
    assert levels[-1] == pytest.approx(SIGMA_MIN, rel=1e-3)
    assert all(high > low for high, low in pairwise(levels))


@given(st.integers(2, 200))
@settings(deadline=None)
def test_sampler_steps_end_at_the_next_level(steps: int) -> None:
    levels = noise_levels(steps)
    for step, start, end in zip(schedule(steps), levels, levels[1:], strict=False):
        assert step.start == start
        assert math.hypot(step.down, step.up) == pytest.approx(end, rel=1e-3)
        assert step.middle == pytest.approx((step.start + step.down) / 2, rel=1e-6)


def test_sampler_five_levels() -> None:
    expected = [3, 0.5579148, 0.0703622, 0.00475782, 0.0001]
    assert noise_levels(5) == pytest.approx(expected, rel=1e-5)


def test_sampler_without_noise_added_a_gaussian_keeps_its_quantiles() -> None:
    """Data N(0, σ_d²) has the denoiser `x σ_d²/(σ_d² + σ²)`; the flow maps standard deviations."""
    spread = 0.5

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        return x * (spread**2 / (spread**2 + sigma**2))[:, None]

    x = torch.tensor([[-1.5, 0.2, 1.0]])
    levels = [3 * (1 - i / 400) + 1e-3 for i in range(401)]
    start = math.hypot(spread, levels[0]) * x
    moved = start
    for high, low in pairwise(levels):
        step = SamplerStep(high, (high + low) / 2, low, 0.0)
        moved = advance(denoise, moved, levels_of([step], CPU), torch.randn_like(x))
    torch.testing.assert_close(moved, math.hypot(spread, levels[-1]) * x, rtol=1e-3, atol=1e-3)


def test_sampler_members_are_at_steps_of_their_own() -> None:
    x, noise = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    steps = [schedule(5)[0], schedule(9)[4], schedule(2)[0]]

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        return x / (1 + sigma[:, None])

    together = advance(denoise, x, levels_of(steps, CPU), noise)
    for i, step in enumerate(steps):
        alone = advance(denoise, x[i : i + 1], levels_of([step], CPU), noise[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone)


def test_preconditioning_is_the_identity_without_noise() -> None:
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    sigma = torch.full((2,), 1e-6)
    result = preconditioned(lambda x, level: 100 * torch.ones_like(x), x, sigma, 0.2)
    torch.testing.assert_close(result, x, atol=1e-3, rtol=0)
