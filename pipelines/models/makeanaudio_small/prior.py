"""What is known of a kind of sound before anything is learned: its columns as a Gaussian process.

For a Gaussian the best denoiser has a closed form, the Wiener filter: with mean μ, covariance
U diag(λ) Uᵀ and x = √ᾱ x₀ + √(1-ᾱ) ε it is x₀ ≈ μ + U diag(√ᾱ λ / (ᾱ λ + 1 - ᾱ)) Uᵀ (x - √ᾱ μ).
Here U are the principal axes of a column and, over time, cosines: how strongly each axis goes up
and down at each rate tells a steady sound from one of short strokes. The statistics are counted in
seconds; the network has to learn only what they leave.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipelines.models.makeanaudio_small.conditions import KINDS, TRAITS, parts
from pipelines.models.makeanaudio_small.rows import columns_of, latent_of
from pipelines.runtime.precision import without_autocast

SMALLEST = 1e-4
"""Variance below which an axis is taken for constant."""
RATES = 40
"""At which the strength of every axis is counted: from none to one turn in two columns."""
EVEN = 0.1
"""How far a count of few sounds is drawn to the mean over all rates."""


def cosines(columns: int, device: torch.device) -> Tensor:
    """The orthonormal cosine transform (DCT-II), `[rates, columns]`."""
    index = torch.arange(columns, device=device, dtype=torch.float32)
    angles = math.pi / columns * index[:, None] * (index + 0.5)
    waves: Tensor = angles.cos() * (2 / columns) ** 0.5
    waves[0] /= 2**0.5
    return waves


def nearest_rates(columns: int, device: torch.device) -> Tensor:
    """Where the rates of that many columns lie among those that were counted, `[columns]`."""
    return torch.arange(columns, device=device) * RATES // columns


class ColumnPrior(nn.Module):
    """A Gaussian for each kind; traits move its mean linearly."""

    def __init__(self, column: int) -> None:
        super().__init__()
        count = len(KINDS)
        self.mean: Tensor
        self.slopes: Tensor
        self.axes: Tensor
        self.variances: Tensor
        self.register_buffer("mean", torch.zeros(count, column))
        self.register_buffer("slopes", torch.zeros(count, len(TRAITS), column))
        self.register_buffer("axes", torch.eye(column).repeat(count, 1, 1))
        self.register_buffer("variances", torch.ones(count, RATES, column))

    def forward(self, x: Tensor, signal: Tensor, conditions: Tensor) -> Tensor:
        """Latents `[batch, channels, 10, columns]`, ᾱ `[batch]`, conditions `[batch, SIZE]`.

        Returns the velocity √ᾱ ε - √(1-ᾱ) x₀ in the shape of the latents, float32.
        """
        # At low noise a small error of x₀ is a large one of the noise.
        with without_autocast(x.device):
            signal_scale, noise_scale = (
                variance.sqrt()[:, None, None] for variance in (signal, 1 - signal)
            )
            kinds, traits, _ = parts(conditions)
            place = kinds.argmax(dim=1)
            mean = self.mean[place] + (traits[:, None] @ self.slopes[place])[:, 0]
            axes, columns = self.axes[place], columns_of(x)
            waves = cosines(x.shape[-1], x.device)
            variances = self.variances[place][:, nearest_rates(x.shape[-1], x.device)]
            away = waves @ (columns - signal_scale * mean[:, None]) @ axes
            total = signal_scale**2 * variances + noise_scale**2
            away = away * (signal_scale * variances / total)
            sound = mean[:, None] + waves.T @ away @ axes.mT
            return latent_of((signal_scale * columns - sound) / noise_scale, x.shape[1])

    @torch.no_grad()
    def fit(self, place: int, sounds: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Sounds of one kind, by their length: columns `[sounds, columns, column]` and traits
        `[sounds, traits]`."""
        flat = torch.cat([columns.flatten(0, 1) for columns, _ in sounds])
        traits = torch.cat([known.repeat_interleave(it.shape[1], 0) for it, known in sounds])
        centred = traits - traits.mean(dim=0)
        ridge = 1e-3 * len(traits) * torch.eye(traits.shape[1])
        slopes = torch.linalg.solve(centred.T @ centred + ridge, centred.T @ (flat - flat.mean(0)))
        mean = flat.mean(dim=0) - traits.mean(dim=0) @ slopes
        rest = flat - mean - traits @ slopes
        _, axes = torch.linalg.eigh(rest.T @ rest / len(rest))
        self.mean[place], self.slopes[place], self.axes[place] = mean, slopes, axes
        strengths, counted = torch.zeros_like(self.variances[place]), torch.zeros(RATES, 1)
        for columns, known in sounds:
            width = columns.shape[1]
            if width < RATES:
                continue
            away = columns - (mean + known @ slopes)[:, None]
            power = (cosines(width, columns.device) @ away @ axes).square().sum(dim=0)
            rates = nearest_rates(width, columns.device)
            strengths.index_add_(0, rates, power)
            counted.index_add_(0, rates, torch.full((width, 1), float(len(columns))))
        strengths /= counted
        strengths.lerp_(strengths.mean(dim=0, keepdim=True).expand_as(strengths), EVEN)
        self.variances[place] = strengths.clamp(min=SMALLEST)
