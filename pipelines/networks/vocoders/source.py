"""The harmonic source of StyleTTS2's decoders: a sine for each harmonic of F0, and noise."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HARMONICS = 9
AMPLITUDE = 0.1
VOICED_NOISE = 0.003
VOICED_HZ = 10.0


class Merging(nn.Linear):
    """Harmonics to one signal. Of a class of its own, so that it is not packed: phases of an STFT
    jump by 2π on the last bit."""


class HarmonicSource(nn.Module):
    """Sines of the fundamental and its overtones, merged to one signal."""

    def __init__(self, sample_rate: int, samples_per_frame: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.samples_per_frame = samples_per_frame
        self.l_linear = Merging(HARMONICS, 1)

    def forward(self, f0: Tensor, noise: Tensor | None) -> Tensor:
        """F0 `[batch, frames]` in Hz, zero beyond each member's end, to `[batch, samples]`.

        `noise` is standard normal `[batch, samples, harmonics]`; None leaves it out.
        """
        sines = AMPLITUDE * torch.sin(self.phases(f0))
        voiced = (f0 > VOICED_HZ).to(f0.dtype).repeat_interleave(self.samples_per_frame, dim=1)
        waves = (sines * voiced[:, None]).mT
        if noise is not None:
            # In this order and unfused: phases of an STFT jump by 2π on the last bit.
            level = VOICED_NOISE * voiced + (1 - voiced) * AMPLITUDE / 3
            waves = waves + level[..., None] * noise
        return torch.tanh(self.l_linear(waves))[..., 0]

    def phases(self, f0: Tensor) -> Tensor:
        """Phase of each harmonic at each sample, `[batch, harmonics, samples]`, radians, float32.

        Cycles advance by `F0 · h / rate` per sample, taken modulo 1, so that the phase of a frame
        is `2π · samples_per_frame` times their running sum; between frame centres it is
        interpolated linearly. Where F0 is zero the sum stands still, so a member's last half frame
        does not depend on the padding after it.
        """
        harmonics = torch.arange(1, HARMONICS + 1, device=f0.device, dtype=f0.dtype)
        cycles = (f0[:, None] * harmonics[:, None] / self.sample_rate) % 1
        phase = torch.cumsum(cycles, dim=2) * 2 * pi
        return F.interpolate(
            phase * self.samples_per_frame, scale_factor=self.samples_per_frame, mode="linear"
        )


def source_noise(seeds: Sequence[int], samples: Sequence[int], device: torch.device) -> Tensor:
    """Standard normal `[batch, longest, harmonics]`, each member's from its own seed.

    Drawn on the CPU, so that a seed sounds the same on every device.
    """
    noise = torch.zeros(len(seeds), max(samples), HARMONICS)
    for row, seed, length in zip(noise, seeds, samples, strict=True):
        generator = torch.Generator().manual_seed(seed)
        torch.randn(length, HARMONICS, generator=generator, out=row[:length])
    return noise.to(device)
