"""Sampling styles: Karras' noise schedule, ADPM2 steps, preconditioned denoising.

Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models", 2022, with
`rho` 9 for the schedule; ancestral second order steps after DPM-Solver-2 with `rho` 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from pipelines.runtime.transfer import to_device

SIGMA_MIN, SIGMA_MAX, RHO = 1e-4, 3.0, 9.0

Denoise = Callable[[Tensor, Tensor], Tensor]
"""Styles `[batch, 2 · style]` at noise levels `[batch]` to what they are without the noise."""


@dataclass(frozen=True, slots=True)
class SamplerStep:
    """One step from the noise level `start` to the next.

    It goes down to `down` by way of `middle`, then noise of the level `up` is added.
    """

    start: float
    middle: float
    down: float
    up: float


@lru_cache(maxsize=64)
def noise_levels(count: int) -> tuple[float, ...]:
    """σ of a schedule of `count` (at least 2) levels, falling from 3 to 0.0001.

    σ_i = (3^(1/ρ) + i / (n − 1) · (0.0001^(1/ρ) − 3^(1/ρ)))^ρ, in float32 as the models saw it.
    """
    ramp = torch.arange(count, dtype=torch.float32) / (count - 1)
    high, low = SIGMA_MAX ** (1 / RHO), SIGMA_MIN ** (1 / RHO)
    return tuple(((high + ramp * (low - high)) ** RHO).tolist())


@lru_cache(maxsize=64)
def schedule(levels: int) -> tuple[SamplerStep, ...]:
    """The steps between `levels` noise levels, one fewer than there are levels.

    With s and t the level before and after: up² = t² (s² − t²) / s², down² = t² − up². The last
    step ends at 0.0001, not at 0, and noise is added in it too.
    """
    sigmas = np.array(noise_levels(levels), np.float32)
    result = []
    for s, t in pairwise(sigmas):
        up = sqrt(t**2 * (s**2 - t**2) / s**2)
        # float32, where the two nearly cancel at the end: the models were run so.
        down = sqrt(t**2 - np.float32(up**2))
        result.append(SamplerStep(float(s), float((s + np.float32(down)) / 2), down, up))
    return tuple(result)


def preconditioned(
    network: Callable[[Tensor, Tensor], Tensor], x: Tensor, sigma: Tensor, sigma_data: float
) -> Tensor:
    """The denoised `x`: `σ_d²/r · x + σ σ_d/√r · network(x/√r, ln(σ)/4)` with `r = σ² + σ_d²`."""
    level = sigma[:, None]
    r = level**2 + sigma_data**2
    predicted = network(x / r.sqrt(), sigma.log() / 4)
    return sigma_data**2 / r * x + level * sigma_data / r.sqrt() * predicted


def levels_of(steps: Sequence[SamplerStep], device: torch.device) -> Tensor:
    """Of one step each: the levels start, middle, down and up, `[4, batch]`."""
    levels = [(step.start, step.middle, step.down, step.up) for step in steps]
    return to_device(torch.tensor(levels).t().contiguous(), device)


def advance(denoise: Denoise, x: Tensor, levels: Tensor, noise: Tensor) -> Tensor:
    """`x` `[batch, 2 · style]` after one step each; `noise` is standard normal, as large as `x`.

    `levels` `[4, batch]` are those of `levels_of`.
    """
    start, middle, down, up = levels
    slope = (x - denoise(x, start)) / start[:, None]
    halfway = x + slope * (middle - start)[:, None]
    slope = (halfway - denoise(halfway, middle)) / middle[:, None]
    advanced: Tensor = x + slope * (down - start)[:, None] + up[:, None] * noise
    return advanced
