"""What voice conversion is asked for. Imports no torch, so that the HTTP process can check it."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.audio.recording import Recording, check_recording
from pipelines.protocol import InvalidInput, Request
from pipelines.requests.ranges import check_range

MOST_STEPS = 200
MOST_GUIDANCE = 10.0
LEAST_LENGTH, MOST_LENGTH = 0.25, 4.0
MOST_SEMITONES = 48.0


@dataclass(frozen=True, slots=True, eq=False)
class ConversionRequest(Request):
    """Say what `source` says with the voice of `reference`, or, with models that have voices of
    their own, with the one that `voice` names.

    `steps` and `guidance` are those of the flow; `length_adjust` stretches time. For models that
    see the pitch, `match_pitch` moves the source to the register of the reference and `semitones`
    transposes it further. `seed` fixes all noise of the clip.
    """

    source: Recording | None = None
    reference: Recording | None = None
    steps: int = 25
    guidance: float = 0.7
    length_adjust: float = 1.0
    match_pitch: bool = False
    semitones: float = 0.0
    seed: int = 0
    voice: str = ""


def check(request: ConversionRequest, *, pitched: bool) -> None:
    """Raises InvalidInput where a model (`pitched`: one that sees F0) cannot serve the request.

    Recordings that are not there yet are not looked at.
    """
    for field, recording in (("source", request.source), ("reference", request.reference)):
        if recording is not None:
            check_recording(recording, field)
    check_range("steps", request.steps, (1, MOST_STEPS))
    check_range("guidance", request.guidance, (0.0, MOST_GUIDANCE))
    check_range("length_adjust", request.length_adjust, (LEAST_LENGTH, MOST_LENGTH))
    check_range("semitones", request.semitones, (-MOST_SEMITONES, MOST_SEMITONES))
    if not pitched and (request.match_pitch or request.semitones):
        field = "match_pitch" if request.match_pitch else "semitones"
        raise InvalidInput(field, "This model does not control the pitch; use one with F0.")


def recordings_of(request: ConversionRequest) -> tuple[Recording, Recording]:
    """Source and reference. Raises InvalidInput where one is missing."""
    source, reference = request.source, request.reference
    if source is None or reference is None:
        field = "source" if source is None else "reference"
        raise InvalidInput(field, f"The request holds no {field} recording.", f"{field}_missing")
    return source, reference
