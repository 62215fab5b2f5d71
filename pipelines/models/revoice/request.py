"""What the small converter can be asked for. Imports no torch, for the HTTP process."""

from __future__ import annotations

from pipelines.audio.recording import Recording, check_recording
from pipelines.protocol import InvalidInput
from pipelines.requests.conversion import ConversionRequest
from pipelines.requests.ranges import check_range
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import catalogue

LENGTH_ADJUST = (0.5, 2.0)
SEMITONES = (-12.0, 12.0)


def check(request: ConversionRequest, settings: PipelineSettings) -> None:
    """Its voice is one that ships or a blend; its pitch moves to the register of the voice and by
    `semitones` further. Steps, guidance and `match_pitch` mean nothing here.

    Raises InvalidInput. A recording that is not there yet is not looked at.
    """
    catalogue(settings.checkpoints).parse(request.voice)
    if request.source is not None:
        check_recording(request.source, "source")
    check_range("length_adjust", request.length_adjust, LENGTH_ADJUST, "With this model the")
    check_range("semitones", request.semitones, SEMITONES, "With this model the")


def source_of(request: ConversionRequest) -> Recording:
    """Raises InvalidInput where it is missing."""
    if request.source is None:
        message = "The request holds no source recording."
        raise InvalidInput("source", message, "source_missing")
    return request.source
