"""Sizes of the generators that end a decoder: HiFi-GAN and iSTFTNet."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """Upsampling stages, each followed by one residual block for each of the kernels."""

    upsample_rates: tuple[int, ...]
    upsample_kernels: tuple[int, ...]
    initial_channels: int = 512
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    """Of each kernel."""

    @property
    def samples_per_frame(self) -> int:
        """Samples per F0 frame. An alignment frame has two F0 frames."""
        return prod(self.upsample_rates)


@dataclass(frozen=True, slots=True)
class HifiganConfig(GeneratorConfig):
    """The HiFi-GAN generator: its last stage gives samples."""

    upsample_rates: tuple[int, ...] = (10, 5, 3, 2)
    upsample_kernels: tuple[int, ...] = (20, 10, 6, 4)


@dataclass(frozen=True, slots=True)
class IstftnetConfig(GeneratorConfig):
    """The iSTFTNet generator: its last stage gives spectra for an inverse STFT."""

    upsample_rates: tuple[int, ...] = (10, 6)
    upsample_kernels: tuple[int, ...] = (20, 12)
    n_fft: int = 20
    hop: int = 5

    @property
    def samples_per_frame(self) -> int:
        return prod(self.upsample_rates) * self.hop
