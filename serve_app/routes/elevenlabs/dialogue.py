"""Dialogue: several voices in turn, in one clip."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Response

from serve_app.errors import invalid
from serve_app.field_rules import length
from serve_app.http.new_clips import SPEECH, dialogue_clip
from serve_app.http.schemas.common import ForeignBody, for_header
from serve_app.http.schemas.submissions import Speech
from serve_app.http.submission import Submission
from serve_app.http.surface_calls import SurfaceCall, fingerprint
from serve_app.http.surface_names import check_model, voice_named
from serve_app.media.clips import NewClip
from serve_app.routes.elevenlabs.audio_requests import Asked, AudioRequest
from serve_app.routes.elevenlabs.speech import (
    FOREIGN,
    SpokenBody,
    pronunciations,
    speed_in,
)
from serve_app.routes.elevenlabs.timestamps import by_lines, whole

router = APIRouter(prefix="/v1/text-to-dialogue")

MAX_TURNS = 100


class Input(ForeignBody):
    text: str
    voice_id: Annotated[str, length(1, 200)]


class DialogueBody(SpokenBody):
    inputs: list[Input]
    settings: dict[str, Any] | None = None

    def ignored(self) -> list[str]:
        """The fields that have no effect."""
        settings = {k: v for k, v in (self.settings or {}).items() if v is not None}
        settings.pop("speed", None)
        names = [f"settings.{name}" for name in for_header(settings)]
        return [*self.unknown(), *names, *self.without_effect()][:40]


@router.post("")
async def convert(body: DialogueBody, asked: Asked) -> Response:
    """The whole file, sent when it is made."""
    return await (await _call(body, asked, live=False)).audio_response()


@router.post("/stream")
async def stream(body: DialogueBody, asked: Asked) -> Response:
    """The audio while it is made."""
    return await (await _call(body, asked, live=True)).audio_response()


@router.post("/with-timestamps")
async def convert_with_timestamps(body: DialogueBody, asked: Asked) -> Response:
    """The whole file and its times."""
    return await whole(await _call(body, asked, live=False))


@router.post("/stream/with-timestamps")
async def stream_with_timestamps(body: DialogueBody, asked: Asked) -> Response:
    """The audio while it is made. Its times come with the last object."""
    return await by_lines(await _call(body, asked, live=True))


async def _call(body: DialogueBody, asked: AudioRequest, *, live: bool) -> SurfaceCall:
    user, state, request = asked.user, asked.state, asked.http
    name, rate = asked.encoding(live)
    if not 1 <= len(body.inputs) <= MAX_TURNS:
        raise invalid("inputs", f"inputs must have 1 to {MAX_TURNS} turns.")
    speed = speed_in(body.settings or {}) or 1.0
    # Text and voice are replaced by those of the turns.
    wanted = Speech(text="-", voice="-", speed=speed, seed=body.seed, sample_rate=rate)
    submission = Submission(state, user, SPEECH, wanted, None, name)
    submission.fingerprint = fingerprint(request, await request.body())
    make = partial(_new_clip, submission, body, wanted)
    ignored = [*body.ignored(), *asked.ignored()]
    return SurfaceCall(state, user, request, submission, state.work.texts, make, live, ignored)


def _new_clip(submission: Submission, body: DialogueBody, wanted: Speech) -> NewClip:
    state, user = submission.state, submission.user
    check_model(state.settings, SPEECH, body.model_id, FOREIGN)
    names = {turn.voice_id: voice_named(state, user, turn.voice_id) for turn in body.inputs}
    inputs = [(names[turn.voice_id], turn.text) for turn in body.inputs]
    given = pronunciations(state, user, body.pronunciation_dictionary_locators)
    return dialogue_clip(submission, wanted, inputs, given)
