"""Deterministic sampling of a diffusion model in few steps.

Song, Meng and Ermon, "Denoising Diffusion Implicit Models", 2021, with η = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.models.makeanaudio.config import ScheduleConfig
from pipelines.requests.sound import visited_levels


def variances(config: ScheduleConfig) -> Tensor:
    """β of each training level: squares of evenly spaced roots, `[levels]` float64."""
    first, last = config.first**0.5, config.last**0.5
    return torch.linspace(first, last, config.levels, dtype=torch.float64) ** 2


def remaining_signal(config: ScheduleConfig) -> Tensor:
    """ᾱ of each level: the product of all 1 - β up to it, `[levels]` float32."""
    return torch.cumprod(1 - variances(config), dim=0).float()


@dataclass(frozen=True, slots=True)
class DDIMStep:
    """One step down: the noise level, and ᾱ before and after it."""

    level: int
    signal: float
    signal_next: float


def plan(steps: int, signal: Sequence[float] | Tensor) -> list[DDIMStep]:
    """The steps from noise to sound, in order. `signal` is ᾱ of the training levels.

    The last step ends at level 0, which still holds a little noise. Raises InvalidInput.
    """
    levels = visited_levels(steps)
    ends = [0, *levels[:-1]]
    return [
        DDIMStep(level, float(signal[level]), float(signal[end]))
        for level, end in zip(reversed(levels), reversed(ends), strict=True)
    ]


def implied_sound(x: Tensor, noise: Tensor, signal: Tensor) -> Tensor:
    """The sound that a prediction of the noise implies: (x - √(1-ᾱ) ε)/√ᾱ, in the shape of x."""
    return (x - (1 - signal).sqrt() * noise) / signal.sqrt()


def advance(x: Tensor, noise: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """The latents after one step each, `[batch, 4, 10, columns]`, from ᾱ to ᾱ' (`before` and
    `after`, `[batch, 1, 1, 1]`).

    √ᾱ' p + √(1-ᾱ') ε, where p is the implied sound and ᾱ' belongs to the next level.
    """
    sound = implied_sound(x, noise, before)
    result: Tensor = after.sqrt() * sound + (1 - after).sqrt() * noise
    return result
