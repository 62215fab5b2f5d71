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
    return torch.hann_window(FRAME, periodic=False).pow(0.85)


@cache
def _triangles() -> Tensor:
    """`[BANDS, FFT // 2 + 1]`, linear on the mel scale 1127 ln(1 + f/700), not normalised.

    The Nyquist bin belongs to no band.
    """
    low, high = (1127.0 * math.log(1.0 + hertz / 700.0) for hertz in (LOW_HZ, SAMPLE_RATE / 2))
    step = (high - low) / (BANDS + 1)
    left, centre, right = (
        (low + (torch.arange(BANDS) + corner) * step)[:, None] for corner in (0, 1, 2)
    )
    hertz = torch.arange(FFT // 2) * (SAMPLE_RATE / FFT)
    mel = 1127.0 * (1.0 + hertz / 700.0).log()
    rising, falling = (mel - left) / (centre - left), (right - mel) / (right - centre)
    return F.pad(torch.minimum(rising, falling).clamp(min=0), (0, 1))


def log_filter_bank(wave: Tensor) -> Tensor:
    """`[samples]` at 16 kHz to `[frames, BANDS]`, frames = 1 + (samples - 400) // 160."""
    frames = wave.unfold(0, FRAME, HOP)
    frames = frames - frames.mean(dim=1, keepdim=True)
    delayed = F.pad(frames[:, None], (1, 0), mode="replicate")[:, 0, :-1]
    frames = (frames - PREEMPHASIS * delayed) * _window().to(wave)
    bands = torch.fft.rfft(frames, n=FFT).abs().square() @ _triangles().to(wave).T
    return torch.clamp(bands, min=FLOOR).log()
