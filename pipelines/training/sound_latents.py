"""Latents of mel spectrograms without a trained encoder: principal components of patches.

A patch is 8 bands by 8 frames, which is the geometry of Make-An-Audio. The sixteen largest
components of its 64 numbers hold most of their variance; a network learns only the way back. So the
diffusion can be trained from the first minute, and the encoder is exact and free.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PATCH = 8
FLATTENING = 0.5
"""Components are divided by their deviation to this power: 0 keeps their variances, 1 makes them
equal."""


@dataclass(frozen=True, slots=True)
class LatentEncoder:
    """`basis` `[64, channels]`, `mean` `[64]`, `scale` `[channels]`."""

    basis: Tensor
    mean: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, mels: list[Tensor], channels: int) -> LatentEncoder:
        """From mel spectrograms `[sounds, 80, frames]` of any lengths."""
        patches = torch.cat([_patches(mel.float()).flatten(0, -2) for mel in mels])
        mean = patches.mean(dim=0)
        values, vectors = torch.linalg.eigh(torch.cov((patches - mean).T))
        deviations = values[-channels:].flip(0).sqrt()
        basis = vectors[:, -channels:].flip(1).contiguous()
        flat = deviations ** (1 - FLATTENING)
        scale = deviations**FLATTENING * flat.square().mean().sqrt()
        return cls(basis, mean, scale)

    @classmethod
    def load(cls, path: Path) -> LatentEncoder:
        parts = np.load(path)
        return cls(*(torch.from_numpy(parts[name]) for name in ("basis", "mean", "scale")))

    def save(self, path: Path) -> None:
        parts = {"basis": self.basis, "mean": self.mean, "scale": self.scale}
        np.savez(path, **{name: tensor.numpy() for name, tensor in parts.items()})

    def encode(self, mel: Tensor) -> Tensor:
        """`[sounds, 80, 8 W]` to `[sounds, channels, 10, W]`."""
        latents = (_patches(mel.float()) - self.mean) @ self.basis / self.scale
        return latents.permute(0, 3, 1, 2).contiguous()

    def decode(self, latents: Tensor) -> Tensor:
        """The nearest mel spectrogram that is linear in the latents."""
        patches = (latents.permute(0, 2, 3, 1) * self.scale) @ self.basis.T + self.mean
        rows = patches.unflatten(-1, (PATCH, PATCH)).permute(0, 1, 3, 2, 4)
        return rows.flatten(3).flatten(1, 2)


def _patches(mel: Tensor) -> Tensor:
    """`[sounds, 80, 8 W]` to `[sounds, 10, W, 64]`."""
    rows = mel.unflatten(1, (-1, PATCH)).unflatten(3, (-1, PATCH))
    return rows.permute(0, 1, 3, 2, 4).flatten(3)
