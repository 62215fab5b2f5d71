"""A vocoder for sounds of every kind: a network finds magnitudes, Griffin-Lim their phases.

Mel bands are too wide at the top to tell a tone from noise; a few convolutional blocks over time
(Liu et al., "A ConvNet for the 2020s", 2022, as Siuzdak's Vocos, 2023, has them) spread each frame
over the bins of a spectrogram. The fast Griffin-Lim algorithm (Perraudin, Balazs and Søndergaard,
2013) then looks for phases that fit, starting from random ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.audio.mel import MelConfig, mel_filters
from pipelines.runtime.transfer import to_device

MOMENTUM = 0.99
LARGEST = 8
"""Complex spectrograms that are alive at a time."""
LOG_FLOOR = -5.0
"""log10 of the magnitude that counts as silence."""


@dataclass(frozen=True, slots=True)
class SpectrumConfig:
    width: int
    inner: int
    blocks: int
    kernel: int
    iterations: int
    """Of Griffin-Lim."""
    rate: int = 2
    """Columns of the spectrogram for each mel frame."""


class Block(nn.Module):
    """A convolution over time for each channel, then two linear layers, added to the input."""

    def __init__(self, config: SpectrumConfig) -> None:
        super().__init__()
        width = config.width
        self.dwconv = nn.Conv1d(
            width, width, config.kernel, padding=config.kernel // 2, groups=width
        )
        self.norm = nn.LayerNorm(width)
        self.pwconv1 = nn.Linear(width, config.inner)
        self.pwconv2 = nn.Linear(config.inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, frames, width]`."""
        h = self.norm(self.dwconv(x.mT).mT)
        result: Tensor = x + self.pwconv2(F.gelu(self.pwconv1(h)))
        return result


class MagnitudeNetwork(nn.Module):
    """Mel spectrograms to spectrograms of `rate` times as many columns, both log10."""

    def __init__(self, config: SpectrumConfig, mel: MelConfig) -> None:
        super().__init__()
        self._rate = config.rate
        bins = mel.fft // 2 + 1
        self.embed = nn.Conv1d(mel.bands, config.width, 5, padding=2)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.rate * bins)
        filters = mel_filters(mel)
        spread = filters.T / filters.sum(dim=0).clamp(min=1e-9)[:, None]
        # Bins beyond the outermost bands belong to those.
        spread[0], spread[-1] = spread[1], spread[-2]
        self.spread: Tensor
        self.areas: Tensor
        self.register_buffer("spread", spread, persistent=False)
        self.register_buffer("areas", filters.sum(dim=1).log10(), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """`[batch, bands, frames]` to `[batch, bins, rate · frames]`."""
        x = self.embed(mel.clamp(min=LOG_FLOOR) / 2 + 1).mT
        for block in self.blocks:
            x = block(x)
        batch, frames, _ = x.shape
        detail = self.head(self.norm(x)).view(batch, frames * self._rate, -1)
        # The mean magnitude of each band, spread over its bins, is what the network adds detail to.
        coarse = (mel - self.areas[:, None]).mT @ self.spread.T
        result: Tensor = (coarse.repeat_interleave(self._rate, dim=1) + detail).mT
        return result


class SpectrumVocoder(nn.Module):
    """Mel spectrograms to waveforms of `hop` samples for each frame."""

    def __init__(self, config: SpectrumConfig, mel: MelConfig) -> None:
        super().__init__()
        self.network = MagnitudeNetwork(config, mel)
        self._iterations = config.iterations
        self._fft = mel.fft
        self._hop = mel.hop // config.rate
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(mel.fft), persistent=False)
        self.frame_bytes = LARGEST * config.rate * 8 * (mel.fft // 2 + 1)
        """The most that is alive at a time for a frame of a batch."""

    def forward(self, mel: Tensor, noises: Sequence[torch.Generator]) -> Tensor:
        """`[batch, bands, frames]` log10 to `[batch, hop · frames]` samples in [-1, 1]. The phases
        of each member begin as its own noise."""
        magnitudes = 10 ** self.network(mel).float().clamp(LOG_FLOOR, 3.0)
        return self._phased(magnitudes, noises).clamp(-1, 1)

    def _phased(self, magnitudes: Tensor, noises: Sequence[torch.Generator]) -> Tensor:
        """Waves whose spectrograms come close to `magnitudes`."""
        # One more column closes the last frame.
        magnitudes = torch.cat([magnitudes, magnitudes[..., -1:]], dim=-1)
        shape = magnitudes.shape[1:]
        drawn = torch.stack([torch.rand(shape, generator=noise) for noise in noises])
        estimate = torch.polar(magnitudes, to_device(2 * torch.pi * drawn, magnitudes.device))
        previous = torch.zeros_like(estimate)
        for _ in range(self._iterations):
            consistent = self._analysed(self._wave(estimate))
            moved = consistent + MOMENTUM * (consistent - previous)
            previous = consistent
            estimate = magnitudes * moved / moved.abs().clamp(min=1e-12)
        return self._wave(estimate)

    def _wave(self, spectrum: Tensor) -> Tensor:
        return torch.istft(spectrum, self._fft, self._hop, window=self.window)

    def _analysed(self, wave: Tensor) -> Tensor:
        return torch.stft(wave, self._fft, self._hop, window=self.window, return_complex=True)
