"""Mel spectrograms: one computation, a configuration for each model.

The filter bank is the usual set of triangles, equally spaced on the HTK scale
2595 log10(1 + f/700) or on Slaney's (linear below 1 kHz, logarithmic above).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Scale = Literal["htk", "slaney"]
FloatArray = NDArray[np.float64]

_SLANEY_LINEAR_HZ = 200.0 / 3.0
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_LINEAR_HZ
_SLANEY_LOG_STEP = math.log(6.4) / 27.0


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


def _to_mel(hertz: FloatArray, scale: Scale) -> FloatArray:
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hertz / 700.0)
    linear = hertz / _SLANEY_LINEAR_HZ
    safe = np.maximum(hertz, _SLANEY_BREAK_HZ)
    log = _SLANEY_BREAK_MEL + np.log(safe / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    return np.where(hertz < _SLANEY_BREAK_HZ, linear, log)


def _to_hertz(mel: FloatArray, scale: Scale) -> FloatArray:
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    safe = np.maximum(mel, _SLANEY_BREAK_MEL)
    log = _SLANEY_BREAK_HZ * np.exp((safe - _SLANEY_BREAK_MEL) * _SLANEY_LOG_STEP)
    return np.where(mel < _SLANEY_BREAK_MEL, mel * _SLANEY_LINEAR_HZ, log)


@lru_cache(maxsize=16)
def mel_filters(config: MelConfig) -> Tensor:
    """The filter bank `[bands, fft // 2 + 1]`, float32."""
    high = config.filter_rate / 2 if config.high is None else config.high
    ends = _to_mel(np.array([config.low, high]), config.scale)
    corners = _to_hertz(np.linspace(ends[0], ends[1], config.bands + 2), config.scale)
    bins = np.linspace(0.0, config.filter_rate / 2, config.fft // 2 + 1)
    widths = np.diff(corners)
    slopes = corners[:, None] - bins[None, :]
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    if config.area_normalised:
        filters *= (2.0 / (corners[2:] - corners[:-2]))[:, None]
    return torch.from_numpy(filters)


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
