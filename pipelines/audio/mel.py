"""Mel spectrograms: one computation, a configuration for each model.

The filters are torchaudio's: librosa's are the same to 6e-6, but its import takes 126 MB and a
second in each process. The transform is torch's own, because no library has all of the models'
habits: the padding of (fft - hop) / 2 and the epsilon under the root.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.runtime.torchaudio_import import functional

Scale = Literal["htk", "slaney"]


@dataclass(frozen=True, slots=True)
class MelConfig:
    """How a wave becomes a mel spectrogram.

    `filter_rate` is the sample rate (Hz) the filters are laid out for; `high` None means its
    Nyquist frequency. `centred` pads by half an FFT so that frames = 1 + samples // hop; otherwise
    the padding is (fft - hop) / 2 and frames = samples // hop. Both reflect. `power` 1 filters
    magnitudes sqrt(re² + im² + `epsilon`), 2 filters re² + im².
    """

    filter_rate: int
    fft: int
    hop: int
    bands: int
    window: int
    low: float = 0.0
    high: float | None = None
    scale: Scale = "slaney"
    area_normalised: bool = True
    centred: bool = False
    power: Literal[1, 2] = 1
    epsilon: float = 0.0

    @property
    def padding(self) -> int:
        """Samples reflected at either end; a wave must be longer than this."""
        return self.fft // 2 if self.centred else (self.fft - self.hop) // 2

    def frames(self, samples: int) -> int:
        return samples // self.hop + (1 if self.centred else 0)


@lru_cache(maxsize=16)
def mel_filters(config: MelConfig) -> Tensor:
    """The filter bank `[bands, fft // 2 + 1]`, float32."""
    filters: Tensor = functional.melscale_fbanks(
        config.fft // 2 + 1,
        config.low,
        config.filter_rate / 2 if config.high is None else config.high,
        config.bands,
        config.filter_rate,
        norm="slaney" if config.area_normalised else None,
        mel_scale=config.scale,
    )
    return filters.T.contiguous()


def mel_spectrogram(wave: Tensor, config: MelConfig) -> Tensor:
    """`[batch, samples]` float32 in [-1, 1] to mel energies `[batch, bands, frames]`.

    Raises ValueError if the wave is too short for the reflected ends.
    """
    if wave.shape[-1] <= config.padding:
        raise ValueError(f"a wave of {wave.shape[-1]} samples is too short for this spectrogram")
    padded = F.pad(wave[:, None], (config.padding, config.padding), mode="reflect")[:, 0]
    spectrum = torch.stft(
        padded,
        config.fft,
        hop_length=config.hop,
        win_length=config.window,
        window=torch.hann_window(config.window, device=wave.device),
        center=False,
        return_complex=True,
    )
    energy = spectrum.real.square() + spectrum.imag.square()
    if config.power == 1:
        energy = (energy + config.epsilon).sqrt()
    return mel_filters(config).to(wave.device) @ energy


def log_mel(wave: Tensor, config: MelConfig, floor: float = 1e-5) -> Tensor:
    """Natural logarithm of the mel spectrogram, floored: `[batch, bands, frames]`."""
    return mel_spectrogram(wave, config).clamp(min=floor).log()
