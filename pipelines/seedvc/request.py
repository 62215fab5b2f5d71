"""What voice conversion is asked for. Imports no torch, so that the HTTP process can check it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import InvalidInput, Waveform

SHORTEST_SECONDS = 0.1
MOST_STEPS = 200
MOST_GUIDANCE = 10.0
LEAST_LENGTH, MOST_LENGTH = 0.25, 4.0
MOST_SEMITONES = 48.0


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


@dataclass(frozen=True, slots=True, eq=False)
class ConversionRequest:
    """Say what `source` says with the voice of `reference`.

    `steps` and `guidance` are those of the flow; `length_adjust` stretches time. For models that
    see the pitch, `match_pitch` moves the source to the register of the reference and `semitones`
    transposes it further. `seed` fixes all noise of the clip.
    """

    source: Recording
    reference: Recording
    steps: int = 25
    guidance: float = 0.7
    length_adjust: float = 1.0
    match_pitch: bool = False
    semitones: float = 0.0
    seed: int = 0


def check(request: ConversionRequest, *, pitched: bool) -> None:
    """Raises InvalidInput where a model (`pitched`: one that sees F0) cannot serve the request."""
    check_recording(request.source, "source")
    check_recording(request.reference, "reference")
    _check_range("steps", request.steps, 1, MOST_STEPS)
    _check_range("guidance", request.guidance, 0.0, MOST_GUIDANCE)
    _check_range("length_adjust", request.length_adjust, LEAST_LENGTH, MOST_LENGTH)
    _check_range("semitones", request.semitones, -MOST_SEMITONES, MOST_SEMITONES)
    if not pitched and (request.match_pitch or request.semitones):
        field = "match_pitch" if request.match_pitch else "semitones"
        raise InvalidInput(field, "This model does not control the pitch; use one with F0.")


def _check_range(field: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidInput(field, f"The {field} must lie between {low:g} and {high:g}.")


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
