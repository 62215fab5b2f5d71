"""Text to speech: the whole file, or a stream while it is made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Response

from pipelines.protocol import Pronunciation
from serve_app.db.models import User
from serve_app.field_rules import between, length
from serve_app.http.app_state import AppState
from serve_app.http.new_clips import SPEECH, speech_clip
from serve_app.http.schemas.common import ForeignBody, for_header
from serve_app.http.schemas.submissions import SPEEDS, Speech
from serve_app.http.submission import Submission
from serve_app.http.surface_calls import Connection, SurfaceCall, fingerprint
from serve_app.http.surface_names import check_model, kept_about, voice_named
from serve_app.media import dictionaries
from serve_app.media.clips import NewClip
from serve_app.routes.elevenlabs.audio_requests import Asked, AudioRequest
from serve_app.routes.elevenlabs.formats import encoding, unknown_parameters

router = APIRouter(prefix="/v1/text-to-speech")

FOREIGN = ("eleven_",)
_WITHOUT_EFFECT = (
    "previous_text",
    "next_text",
    "previous_request_ids",
    "next_request_ids",
    "use_pvc_as_ivc",
    "apply_language_text_normalization",
    "audio_effects",
)

_PARAMETERS = ("output_format", "enable_logging")


def speed_in(settings: Mapping[str, Any]) -> float | None:
    """That of voice settings, within what the models do."""
    asked = settings.get("speed")
    if not isinstance(asked, int | float) or isinstance(asked, bool) or asked != asked:  # NaN
        return None
    # A whole number may be too large for a float.
    return float(min(max(asked, SPEEDS[0]), SPEEDS[1]))


class SpokenBody(ForeignBody):
    """What calls for one text and for a dialogue have in common."""

    model_id: Annotated[str, length(1, 200)] | None = None
    language_code: str | None = None
    seed: Annotated[int, between(0, 2**32 - 1)] | None = None
    apply_text_normalization: str | None = None
    pronunciation_dictionary_locators: Any = None

    def without_effect(self) -> list[str]:
        """Those of these fields that have no effect."""
        names = []
        if self.apply_text_normalization == "off":
            names.append("apply_text_normalization")
        if self.language_code is not None and not self.language_code.startswith("en"):
            names.append("language_code")
        return names


class SpeechBody(SpokenBody):
    text: str
    voice_settings: dict[str, Any] | None = None
    previous_text: Any = None
    next_text: Any = None
    previous_request_ids: Any = None
    next_request_ids: Any = None
    use_pvc_as_ivc: Any = None
    apply_language_text_normalization: Any = None
    audio_effects: Any = None

    def speed(self) -> float | None:
        """The speed that is asked for, within what the models do."""
        return speed_in(self.voice_settings or {})

    def ignored(self) -> list[str]:
        """The fields that have no effect, or not all of it."""
        settings = {k: v for k, v in (self.voice_settings or {}).items() if v is not None}
        speed = settings.pop("speed", None)
        names = [f"voice_settings.{name}" for name in for_header(settings)]
        if speed is not None and speed != self.speed():
            names.append("voice_settings.speed")
        names += [name for name in _WITHOUT_EFFECT if getattr(self, name)]
        return [*self.unknown(), *names, *self.without_effect()][:40]


@router.post("/{voice_id}")
async def convert(voice_id: str, body: SpeechBody, asked: Asked) -> Response:
    """The whole file, sent when it is made."""
    return await (await speech_call(voice_id, body, asked, live=False)).audio_response()


@router.post("/{voice_id}/stream")
async def stream(voice_id: str, body: SpeechBody, asked: Asked) -> Response:
    """The audio while it is made."""
    return await (await speech_call(voice_id, body, asked, live=True)).audio_response()


async def speech_call(
    voice_id: str, body: SpeechBody, asked: AudioRequest, *, live: bool
) -> SurfaceCall:
    """Raises ApiError 422 for a format that there is not."""
    print_ = fingerprint(asked.http, await asked.http.body())
    call = call_of(
        asked.state,
        asked.user,
        asked.http,
        body,
        voice_id,
        asked.output_format,
        print_,
        logged=asked.logged,
        live=live,
    )
    call.ignored = [*call.ignored, *unknown_parameters(asked.http, _PARAMETERS)]
    return call


def call_of(
    state: AppState,
    user: User,
    connection: Connection,
    body: SpeechBody,
    voice_id: str,
    output_format: str,
    print_: str,
    *,
    logged: bool,
    live: bool,
    literal: bool = False,
) -> SurfaceCall:
    """A call that is told from others by its print. Raises ApiError 422 for a format that there is
    not."""
    name, rate = encoding(output_format, live)
    # The voice is replaced by the one that is meant.
    wanted = Speech(
        text=body.text,
        voice="-",
        speed=body.speed() or 1.0,
        seed=body.seed,
        sample_rate=rate,
        literal=literal,
    )
    submission = Submission(state, user, SPEECH, wanted, None, name)
    submission.fingerprint = print_
    make = partial(_new_clip, submission, body, voice_id, wanted)
    ignored = [*body.ignored(), *([] if logged else ["enable_logging"])]
    return SurfaceCall(state, user, connection, submission, state.work.texts, make, live, ignored)


def _new_clip(submission: Submission, body: SpeechBody, voice_id: str, wanted: Speech) -> NewClip:
    state, user = submission.state, submission.user
    check_model(state.settings, SPEECH, body.model_id, FOREIGN)
    voice = voice_named(state, user, voice_id)
    changes: dict[str, Any] = {"voice": voice}
    if body.speed() is None:
        changes["speed"] = speed_in(kept_about(state, user, voice).get("settings", {})) or 1.0
    given = pronunciations(state, user, body.pronunciation_dictionary_locators)
    return speech_clip(submission, wanted.model_copy(update=changes), given=given)


def pronunciations(state: AppState, user: User, locators: Any) -> list[Pronunciation]:
    """Those of the dictionaries that a call names."""
    if not locators:
        return []
    with state.database.reading() as session:
        return dictionaries.named(session, user.id, locators)
