"""Recordings that come in, of any rate and layout. Imports no torch, for the HTTP process."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from pipelines.protocol import InvalidInput, Waveform

SHORTEST_SECONDS = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Decoded audio: `[samples]` or `[samples, channels]`, integer PCM or float in [-1, 1]."""

    samples: NDArray[Any]
    sample_rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate

    def digest(self) -> str:
        """Content hash, for caches."""
        content = hashlib.sha256(np.ascontiguousarray(self.samples).tobytes())
        content.update(f"{self.samples.shape} {self.samples.dtype} {self.sample_rate}".encode())
        return content.hexdigest()

    def mono(self) -> Waveform:
        """The mean of the channels, float32."""
        samples = self.samples
        scale = 1.0
        if np.issubdtype(samples.dtype, np.signedinteger):
            scale = -1.0 / float(np.iinfo(samples.dtype).min)
        floats = samples.astype(np.float32) * np.float32(scale)
        one: Waveform = floats if floats.ndim == 1 else floats.mean(axis=1)
        return one


def check_recording(recording: Recording, field: str) -> None:
    """Raises InvalidInput where a recording is no audio or too short to hold any."""
    samples = recording.samples
    numeric = np.issubdtype(samples.dtype, np.signedinteger) or np.issubdtype(
        samples.dtype, np.floating
    )
    if samples.ndim not in (1, 2) or not numeric or recording.sample_rate <= 0:
        raise InvalidInput(field, f"The {field} recording is not audio.", "bad_audio")
    if samples.size == 0 or recording.seconds < SHORTEST_SECONDS:
        message = f"The {field} recording must last {SHORTEST_SECONDS:g} seconds or more."
        raise InvalidInput(field, message, "audio_too_short")
    if not np.isfinite(samples).all():
        message = f"The {field} recording holds samples that are not finite numbers."
        raise InvalidInput(field, message, "bad_audio")


def at_rate(recording: Recording, sample_rate: int) -> Waveform:
    """The recording as one channel at `sample_rate` (Hz), `ceil(samples * ratio)` long."""
    mono = recording.mono()
    if recording.sample_rate == sample_rate:
        return mono
    wanted = math.ceil(len(mono) * sample_rate / recording.sample_rate)
    resampled = soxr.resample(mono, recording.sample_rate, sample_rate, quality="HQ")
    fitted = np.zeros(wanted, dtype=np.float32)
    kept = min(wanted, len(resampled))
    fitted[:kept] = resampled[:kept]
    return fitted
