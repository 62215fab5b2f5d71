"""Latents of mel spectrograms without a trained encoder: principal components of patches.

A patch is 8 bands by 8 frames, which is the geometry of Make-An-Audio. The sixteen largest
components of its 64 numbers hold most of their variance; a network learns only the way back. So the
diffusion can be trained from the first minute, and the encoder is exact and free.

    python -m training.sound_latents SHARDS
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipelines.models.makeanaudio_small.decoder import PatchDecoder
from training.sound_data import WIDTHS

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
        basis, mean, scale = (part.numpy() for part in (self.basis, self.mean, self.scale))
        np.savez(path, basis=basis, mean=mean, scale=scale)

    def encode(self, mel: Tensor) -> Tensor:
        """`[sounds, 80, 8 W]` to `[sounds, channels, 10, W]`."""
        latents = (_patches(mel.float()) - self.mean) @ self.basis / self.scale
        return latents.permute(0, 3, 1, 2).contiguous()

    def decoder(self) -> PatchDecoder:
        """The way back: the nearest mel spectrogram that is linear in the latents."""
        decoder = PatchDecoder(self.basis.shape[1]).requires_grad_(False)
        decoder.components.weight.copy_(self.basis * self.scale)
        decoder.components.bias.copy_(self.mean)
        return decoder


def _patches(mel: Tensor) -> Tensor:
    """`[sounds, 80, 8 W]` to `[sounds, 10, W, 64]`."""
    sounds, bands, frames = mel.shape
    rows = mel.reshape(sounds, bands // PATCH, PATCH, frames // PATCH, PATCH)
    return rows.permute(0, 1, 3, 2, 4).flatten(3)


def fit(shards: Path, channels: int, each: int = 2) -> None:
    """Writes `encoder.npz`, from so many shards of each width."""
    paths = [path for width in WIDTHS for path in sorted(shards.glob(f"{width}-*.mel.npy"))[:each]]
    mels = [torch.from_numpy(np.load(path)) for path in paths]
    LatentEncoder.fit(mels, channels).save(shards / "encoder.npz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--channels", type=int, default=16)
    given = parser.parse_args()
    fit(given.shards, given.channels)


if __name__ == "__main__":
    main()
