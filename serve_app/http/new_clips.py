"""From a valid request to the clip that it asks for, for every surface that takes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import accumulate
from typing import Any

from pipelines import registry
from pipelines.audio.containers import ENCODINGS
from pipelines.protocol import Pronunciation, SpeechRequest, Turn
from pipelines.requests.conversion import ConversionRequest
from pipelines.requests.sound import SoundRequest
from pipelines.voices.shipped_voices import catalogue
from serve_app import catalog
from serve_app.db.models import ClipState, User
from serve_app.errors import invalid
from serve_app.http.app_state import AppState
from serve_app.http.schemas.submissions import Conversion, SoundEffect, Speech
from serve_app.http.submission import Submission
from serve_app.http.text_rules import clean_text
from serve_app.media import clips, uploads, voices
from serve_app.media.clips import NewClip
from serve_app.media.pipeline_requests import PRONUNCIATIONS, REFERENCE, TURNS
from serve_app.settings import Settings

SPEECH, CONVERSION, SOUND = "styletts2", "seedvc", "make-an-audio"
"""The services."""
_WITH_OWN_VOICES = {
    SPEECH: "StyleTTS 2 of many speakers does: see `bernie fetch styletts2-libritts`",
    CONVERSION: "Seed-VC does: see `bernie fetch seed-vc`",
}


def speech_clip(
    submission: Submission,
    body: Speech,
    field: str = "text",
    given: Sequence[Pronunciation] = (),
) -> NewClip:
    """Validates the request, whose text comes in `field`. Of the `given` pronunciations those are
    kept whose words are in it. Nothing is written before it returns."""
    text = clean_text(body.text, field, submission.state.settings.max_text_characters)
    return _speech_clip(submission, body, text, _in_text(given, text), ())


def dialogue_clip(
    submission: Submission,
    body: Speech,
    inputs: Sequence[tuple[str, str]],
    given: Sequence[Pronunciation] = (),
) -> NewClip:
    """As `speech_clip`, of voices and the texts that they say in turn."""
    settings = submission.state.settings
    most = settings.max_text_characters
    texts = [
        clean_text(text, f"inputs.{place}.text", most) for place, (_, text) in enumerate(inputs)
    ]
    text = "\n".join(texts)
    if len(text) > most:
        message = f"inputs may have {most} characters of text; these have {len(text)}."
        raise invalid("inputs", message)
    names = [voice for voice, _ in inputs]
    if len(set(names)) > 1 and registry.takes_reference(SPEECH, catalog.require(SPEECH, settings)):
        message = "The model that speaks here has one voice in a clip."
        raise invalid("inputs", message, "voice_not_supported")
    ends = [*accumulate(len(each) + 1 for each in texts[:-1]), len(text)]
    turns = [Turn(voice, end) for voice, end in zip(names, ends, strict=True)]
    body = body.model_copy(update={"voice": names[0]})
    return _speech_clip(submission, body, text, _in_text(given, text), turns)


def _in_text(given: Sequence[Pronunciation], text: str) -> tuple[Pronunciation, ...]:
    return tuple(each for each in given if each.written in text)


def _speech_clip(
    submission: Submission,
    body: Speech,
    text: str,
    given: tuple[Pronunciation, ...],
    turns: Sequence[Turn],
) -> NewClip:
    settings, seed = submission.state.settings, submission.seed
    recorded = _takes_recording(SPEECH, body.voice, submission)
    submission.check(
        SpeechRequest(text, body.voice, body.speed, seed, body.literal, given, tuple(turns))
    )
    options: dict[str, Any] = {
        "speed": body.speed,
        "format": submission.format,
        "sample_rate": submission.sample_rate,
        "seed": seed,
    }
    if body.literal:
        options["literal"] = True
    if given:
        options[PRONUNCIATIONS] = [asdict(each) for each in given]
    if turns:
        options[TURNS] = [asdict(turn) for turn in turns]
    if recorded:
        options[REFERENCE] = submission.reference(body.voice)
    return NewClip(
        service=SPEECH,
        credits=settings.clip_credits,
        text=text,
        voice=body.voice,
        original_voice_s3_key=None,
        options=options,
    )


def sound_clip(submission: Submission, body: SoundEffect, field: str = "prompt") -> NewClip:
    """Validates the request, whose description comes in `field`. Nothing is written before it
    returns."""
    settings = submission.state.settings
    prompt = clean_text(body.prompt, field, settings.max_prompt_characters)
    seed = submission.seed
    request = SoundRequest(prompt, body.duration, body.steps, body.guidance, seed)
    submission.check(request)
    return NewClip(
        service=SOUND,
        credits=settings.clip_credits,
        text=prompt,
        voice=None,
        original_voice_s3_key=None,
        options={
            "model": catalog.require(SOUND, settings),
            "duration": body.duration,
            "steps": body.steps,
            "guidance": body.guidance,
            "format": submission.format,
            "sample_rate": submission.sample_rate,
            "seed": seed,
        },
    )


def conversion_clip(
    submission: Submission, body: Conversion, given: Callable[[], tuple[str, float]] | None = None
) -> NewClip:
    """Validates the request. Nothing is written before it returns. `given` gives key and length in
    seconds of a source that the body does not name."""
    state, user = submission.state, submission.user
    if (body.upload, body.clip).count(None) != (1 if given is None else 2):
        raise invalid("upload", "Name what to convert: either an upload or a clip.")
    options = body.model_dump(
        include={"steps", "guidance", "length_adjust", "match_pitch", "semitones"}
    )
    seed = submission.seed
    recorded = _takes_recording(CONVERSION, body.voice, submission)
    request = ConversionRequest(**options, seed=seed, voice=body.voice)
    submission.check(request)
    reference = {REFERENCE: submission.reference(body.voice)} if recorded else {}
    source, seconds = _source(body, user, state) if given is None else given()
    longest = state.settings.max_source_seconds
    if seconds * body.length_adjust > longest:
        message = f"length_adjust must not stretch the recording beyond {longest:g} seconds."
        raise invalid("length_adjust", message)
    return NewClip(
        service=CONVERSION,
        credits=state.settings.clip_credits,
        text=None,
        voice=body.voice,
        original_voice_s3_key=source,
        options={
            **options,
            **reference,
            "format": submission.format,
            "sample_rate": submission.sample_rate,
            "seed": seed,
        },
    )


def _takes_recording(service: str, voice: str, submission: Submission) -> bool:
    """Whether the model takes the recording of a voice. Raises ApiError 422 `voice_not_supported`
    where the voice is the user's own and the model has voices of its own only."""
    state, user = submission.state, submission.user
    pipeline = catalog.require(service, state.settings)
    if registry.takes_reference(service, pipeline):
        return True
    if catalogue(state.settings.checkpoints).knows(voice):
        return False
    with state.database.reading() as session:
        own = voices.find_own(session, user.id, voice)
    if own is not None:
        message = (
            f"The model that runs here, {pipeline}, speaks with the voices that ship and blends of "
            f"them, not with voices of your own. {_WITH_OWN_VOICES[service]}."
        )
        raise invalid("voice", message, "voice_not_supported")
    return False


def _source(body: Conversion, user: User, state: AppState) -> tuple[str, float]:
    """Object key and length in seconds of what is converted. The length is within the limits."""
    if body.clip is not None:
        return _source_clip(body.clip, user, state)
    with state.database.reading() as session:
        upload = uploads.find(session, user.id, body.upload or "")
    seconds = uploads.inspect(state.database, state.store, state.settings, upload)
    return upload.s3_key, seconds


def _source_clip(clip_id: str, user: User, state: AppState) -> tuple[str, float]:
    with state.database.reading() as session:
        clip = clips.get(session, user.id, clip_id)
    if clip.state is not ClipState.SUCCEEDED or clip.s3_key is None:
        raise invalid("clip", f"Only a clip that succeeded can be converted; this is {clip.state}.")
    if ENCODINGS[clip.options["format"]].container == "RAW":
        raise invalid("clip", "A clip of samples without a header cannot be converted.")
    seconds = clip.audio_seconds or 0.0
    _check_length(seconds, state.settings)
    return clip.s3_key, seconds


def _check_length(seconds: float, settings: Settings) -> None:
    shortest, longest = settings.min_source_seconds, settings.max_source_seconds
    if not shortest <= seconds <= longest:
        message = f"The recording must last {shortest:g} to {longest:g} seconds, not {seconds:.1f}."
        raise invalid("clip", message)
