"""Kaldi-style log filter bank, as the CAM++ speaker encoder wants it.

25 ms Povey windows every 10 ms at 16 kHz; the wave stays in [-1, 1], so that quiet bands reach
the floor of the logarithm just as they did in training.
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

SAMPLE_RATE = 16000
FRAME = 400
HOP = 160
FFT = 512
BANDS = 80
LOW_HZ = 20.0
PREEMPHASIS = 0.97
FLOOR = torch.finfo(torch.float32).eps


@cache
def _window() -> Tensor:
    return torch.hann_window(FRAME, periodic=False, dtype=torch.float64).pow(0.85).float()


@cache
def _triangles() -> Tensor:
    """`[BANDS, FFT // 2]`, linear on the mel scale 1127 ln(1 + f/700), not normalised."""

    def mel(hertz: float | Tensor) -> Tensor:
        return 1127.0 * torch.log1p(torch.as_tensor(hertz, dtype=torch.float64) / 700.0)

    low, high = mel(LOW_HZ), mel(SAMPLE_RATE / 2)
    step = (high - low) / (BANDS + 1)
    left = (low + step * torch.arange(BANDS))[:, None]
    bins = mel(torch.arange(FFT // 2, dtype=torch.float64) * SAMPLE_RATE / FFT)
    rising = (bins - left) / step
    falling = (left + 2 * step - bins) / step
    return torch.minimum(rising, falling).clamp(min=0).float()


def log_filter_bank(wave: Tensor) -> Tensor:
    """`[samples]` at 16 kHz to `[frames, BANDS]`, frames = 1 + (samples - 400) // 160."""
    frames = wave.unfold(0, FRAME, HOP)
    frames = frames - frames.mean(dim=1, keepdim=True)
    delayed = F.pad(frames[:, None], (1, 0), mode="replicate")[:, 0, :-1]
    frames = (frames - PREEMPHASIS * delayed) * _window().to(wave)
    spectrum = torch.fft.rfft(frames, n=FFT)[:, : FFT // 2]
    power = spectrum.abs().square()
    return (power @ _triangles().to(wave).T).clamp(min=FLOOR).log()


def frame_count(samples: int) -> int:
    return max(0, 1 + (samples - FRAME) // HOP) if samples >= FRAME else 0


def seconds_for(frames: int) -> float:
    """The shortest wave, in seconds, that gives this many frames."""
    return (FRAME + (frames - 1) * HOP) / SAMPLE_RATE if frames else math.nan
