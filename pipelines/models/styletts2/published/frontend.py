"""How requests to the published models are read and checked. Imports no torch."""

from __future__ import annotations

from pipelines.audio.recording import Recording, check_recording
from pipelines.models.styletts2.frontend import check_speed
from pipelines.models.styletts2.published.text import PublishedScript
from pipelines.protocol import InvalidInput, SpeechRequest
from pipelines.requests.speech import Sampling, StyledRequest, check_sampling
from pipelines.settings import PipelineSettings

LANGUAGE = "en-us"
FIELD = "reference"
LONGEST_SECONDS = 60.0


def check(request: SpeechRequest, settings: PipelineSettings, *, multispeaker: bool) -> None:
    """Raises InvalidInput for what can be seen without the model, and of the recording if it is
    there yet."""
    check_speed(request)
    reference = request.reference if isinstance(request, StyledRequest) else None
    if multispeaker and reference is not None:
        check_reference(reference)
    script = script_of(sampling_of(request), multispeaker=multispeaker)
    limit = settings.chunk_characters
    script.analyse(request.text, LANGUAGE, limit, request.literal, request.pronunciations)


def sampling_of(request: SpeechRequest) -> Sampling:
    """Raises InvalidInput."""
    sampling = request.sampling if isinstance(request, StyledRequest) else Sampling()
    check_sampling(sampling)
    return sampling


def script_of(sampling: Sampling, *, multispeaker: bool) -> PublishedScript:
    return PublishedScript(drops_quotes=not multispeaker, long_form=sampling.long_form)


def recording_of(request: SpeechRequest) -> Recording:
    """The voice to speak in. Raises InvalidInput."""
    recording = request.reference if isinstance(request, StyledRequest) else None
    if recording is None:
        message = "This model speaks in the voice of a recording; the request holds none."
        raise InvalidInput(FIELD, message, "reference_missing")
    return recording


def check_reference(recording: Recording) -> None:
    """Raises InvalidInput."""
    check_recording(recording, FIELD)
    if recording.seconds > LONGEST_SECONDS:
        message = f"The {FIELD} recording may last {LONGEST_SECONDS:g} seconds at most."
        raise InvalidInput(FIELD, message, "audio_too_long")
