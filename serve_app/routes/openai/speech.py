"""Speech: the audio itself, or events that carry it."""

from __future__ import annotations

import base64
import json
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator

from serve_app.field_rules import between, length
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.new_clips import SPEECH, speech_clip
from serve_app.http.schemas.common import ForeignBody, unicode_only
from serve_app.http.schemas.submissions import SPEEDS, Speech
from serve_app.http.streaming import Blocks
from serve_app.http.submission import Submission
from serve_app.http.surface_calls import SurfaceCall, fingerprint
from serve_app.http.surface_names import check_model, voice_named
from serve_app.media.clips import NewClip

router = APIRouter(prefix="/v1/audio")

ENCODING: dict[str, tuple[str, int | None]] = {
    "mp3": ("mp3", None),
    "opus": ("opus", None),
    "aac": ("aac", None),
    "flac": ("flac", None),
    "wav": ("wav", None),
    "pcm": ("pcm", 24_000),
}
"""The encoding and sample rate [Hz] of each format; without a rate, that of the model."""
FOREIGN = ("tts-", "gpt-")
"""What the models of this server do; the interface has 0.25 to 4."""


def _id_of(voice: Any) -> Any:
    """A voice is a name, or an object with an id."""
    return unicode_only(voice.get("id", "") if isinstance(voice, dict) else voice)


class SpeechBody(ForeignBody):
    model: Annotated[str, length(1, 200)]
    input: str
    voice: Annotated[str, length(1, 200), BeforeValidator(_id_of)]
    instructions: str | None = None
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, between(*SPEEDS)] = 1.0
    stream_format: Literal["audio", "sse"] | None = None
    seed: Annotated[int, between(0, 2**32 - 1)] | None = None
    """Of this server's own interface, not of OpenAI's."""

    def ignored(self) -> list[str]:
        """The fields that have no effect, or not all of it."""
        names = self.unknown()
        if self.instructions:
            names.append("instructions")
        return names


@router.post("/speech")
async def create_speech(
    body: SpeechBody, user: CurrentUser, state: StateDep, request: Request
) -> Response:
    """A file with its length in its head (WAV) is sent when it is complete, unless a stream is
    asked for; all others while they are made."""
    wanted, encoding = wanted_speech(body)
    raw = request.headers.get("x-stainless-raw-response")
    live = encoding != "wav" or raw == "stream" or body.stream_format is not None
    submission = Submission(state, user, SPEECH, wanted, None, encoding)
    submission.fingerprint = fingerprint(request, await request.body())
    make = partial(new_clip, submission, body, wanted)
    call = SurfaceCall(
        state, user, request, submission, state.work.texts, make, live, body.ignored()
    )
    if body.stream_format != "sse":
        return await call.audio_response()
    return await call.formed(_events, "text/event-stream")


def wanted_speech(body: SpeechBody) -> tuple[Speech, str]:
    """What a body asks for in terms of this server, and its encoding."""
    encoding, rate = ENCODING[body.response_format]
    wanted = Speech(
        text=body.input, voice=body.voice, speed=body.speed, seed=body.seed, sample_rate=rate
    )
    return wanted, encoding


def new_clip(submission: Submission, body: SpeechBody, wanted: Speech) -> NewClip:
    """The clip of a valid body. Raises ApiError and InvalidInput."""
    state = submission.state
    check_model(state.settings, SPEECH, body.model, FOREIGN)
    voice = voice_named(state, submission.user, body.voice)
    return speech_clip(submission, wanted.model_copy(update={"voice": voice}), "input")


async def _events(call: SurfaceCall, first: bytes, blocks: Blocks) -> Blocks:
    """The audio in events. Usage is counted in characters and in credits: no model here has the
    tokens of OpenAI."""
    async with aclosing(blocks):
        yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(first).decode()})
        async for block in blocks:
            yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(block).decode()})
    usage = {
        "input_tokens": len(call.text),
        "output_tokens": call.credits,
        "total_tokens": len(call.text) + call.credits,
    }
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
