"""Recordings as people send them, made into waves at the rates the models need."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import soxr
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pipelines.protocol import InvalidInput, Waveform

ZERO_CROSSINGS = 6
ROLLOFF = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Decoded audio: `[samples]` or `[samples, channels]`, integer PCM or float in [-1, 1]."""

    samples: NDArray[Any]
    sample_rate: int

    def digest(self) -> str:
        """Content hash, for caches."""
        content = hashlib.sha256(np.ascontiguousarray(self.samples).tobytes())
        content.update(f"{self.samples.shape} {self.samples.dtype} {self.sample_rate}".encode())
        return content.hexdigest()


def to_mono(recording: Recording, field: str) -> Waveform:
    """The mean of the channels, float32. Raises InvalidInput for what is not audio."""
    samples = recording.samples
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise InvalidInput(field, "The recording holds no audio.", "empty_audio")
    if np.issubdtype(samples.dtype, np.signedinteger):
        floats = samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    elif np.issubdtype(samples.dtype, np.floating):
        floats = samples.astype(np.float32)
    else:
        raise InvalidInput(field, f"Samples of type {samples.dtype} are not audio.", "bad_audio")
    if not np.isfinite(floats).all():
        raise InvalidInput(field, "The recording holds NaN or infinite samples.", "bad_audio")
    mono: Waveform = floats if floats.ndim == 1 else floats.mean(axis=1)
    return mono


def at_rate(recording: Recording, sample_rate: int, field: str) -> Waveform:
    """The recording as one channel at `sample_rate` (Hz), `ceil(samples * ratio)` long."""
    mono = to_mono(recording, field)
    if recording.sample_rate == sample_rate:
        return mono
    wanted = math.ceil(len(mono) * sample_rate / recording.sample_rate)
    resampled = soxr.resample(mono, recording.sample_rate, sample_rate, quality="HQ")
    fitted = np.zeros(wanted, dtype=np.float32)
    kept = min(wanted, len(resampled))
    fitted[:kept] = resampled[:kept]
    return fitted


@lru_cache(maxsize=8)
def _sinc_kernel(source: int, target: int) -> tuple[Tensor, int]:
    """Windowed-sinc taps `[target, 1, taps]`, one row per output phase, and their half width."""
    cutoff = ROLLOFF * min(source, target)
    width = math.ceil(ZERO_CROSSINGS * source / cutoff)
    taps = torch.arange(-width, width + source, dtype=torch.float64) / source
    phases = torch.arange(target, dtype=torch.float64) / target
    t = ((taps - phases[:, None]) * cutoff).clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = torch.cos(math.pi * t / (2 * ZERO_CROSSINGS)).square()
    kernel = cutoff / source * window * torch.sinc(t)
    return kernel[:, None].float(), width


def sinc_resample(wave: Tensor, source_rate: int, target_rate: int) -> Tensor:
    """`[batch, samples]` from one rate (Hz) to another by a Hann-windowed sinc filter.

    Six zero crossings, roll-off 0.99: what the speaker and content encoders were trained behind.
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
