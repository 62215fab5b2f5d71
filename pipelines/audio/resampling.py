"""The resampling that stood before the 16 kHz models in training."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

ZERO_CROSSINGS = 6
ROLLOFF = 0.99


@lru_cache(maxsize=8)
def _sinc_kernel(source: int, target: int) -> tuple[Tensor, int]:
    """Windowed-sinc taps `[target, 1, taps]`, one row per output phase, and their half width."""
    cutoff = ROLLOFF * min(source, target)
    width = math.ceil(ZERO_CROSSINGS * source / cutoff)
    taps = torch.arange(-width, width + source, dtype=torch.float32) / source
    phases = torch.arange(target, dtype=torch.float32) / target
    t = ((taps - phases[:, None]) * cutoff).clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = torch.cos(t * math.pi / ZERO_CROSSINGS / 2).square() * (cutoff / source)
    # float32 and this order of products, for the very samples of torchaudio: the pitch tracker
    # can tip over between two candidates on a difference in the last digit.
    angle = t * math.pi
    sinc = torch.where(t == 0, 1.0, angle.sin() / angle)
    return (sinc * window)[:, None], width


def sinc_resample(wave: Tensor, source_rate: int, target_rate: int) -> Tensor:
    """`[batch, samples]` from one rate (Hz) to another by a Hann-windowed sinc filter.

    Six zero crossings, roll-off 0.99: the filter that stood before the 16 kHz models in training.
    """
    common = math.gcd(source_rate, target_rate)
    source, target = source_rate // common, target_rate // common
    if source == target:
        return wave
    kernel, width = _sinc_kernel(source, target)
    padded = F.pad(wave[:, None], (width, width + source))
    phases = F.conv1d(padded, kernel.to(wave), stride=source)
    length = math.ceil(target * wave.shape[-1] / source)
    return phases.transpose(1, 2).flatten(1)[:, :length]
