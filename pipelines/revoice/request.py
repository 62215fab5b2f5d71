"""What the small converter is asked for. Imports no torch, so that the HTTP process can check it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.protocol import InvalidInput, Request
from pipelines.recording import Recording, check_recording
from pipelines.settings import PipelineSettings
from pipelines.styletts2.voices import catalogue

LENGTH_ADJUST = (0.5, 2.0)
SEMITONES = (-12.0, 12.0)


@dataclass(frozen=True, slots=True, eq=False)
class RevoiceRequest(Request):
    """Say what `source` says with a voice that ships, or a blend of them.

    `length_adjust` stretches time; the pitch moves to the register of the voice, and `semitones`
    further. `seed` fixes all noise of the clip.
    """

    voice: str
    source: Recording | None = None
    length_adjust: float = 1.0
    semitones: float = 0.0
    seed: int = 0


def check(request: RevoiceRequest, settings: PipelineSettings) -> None:
    """Raises InvalidInput. A recording that is not there yet is not looked at."""
    catalogue(settings.checkpoints).parse(request.voice)
    if request.source is not None:
        check_recording(request.source, "source")
    _check_range("length_adjust", request.length_adjust, LENGTH_ADJUST)
    _check_range("semitones", request.semitones, SEMITONES)


def source_of(request: RevoiceRequest) -> Recording:
    """Raises InvalidInput where it is missing."""
    if request.source is None:
        message = "The request holds no source recording."
        raise InvalidInput("source", message, "source_missing")
    return request.source


def _check_range(field: str, value: float, limits: tuple[float, float]) -> None:
    low, high = limits
    if not (math.isfinite(value) and low <= value <= high):
        message = f"With this model the {field} must lie between {low:g} and {high:g}."
        raise InvalidInput(field, message)
