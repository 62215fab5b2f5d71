"""Text to speech: submitting a clip, and the voices to choose from."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

from fastapi import APIRouter, Header, Response

from pipelines import registry
from pipelines.audio import check_format
from pipelines.protocol import SpeechRequest
from pipelines.styletts2.voices import catalogue
from serve_app import clips
from serve_app.clip_view import show
from serve_app.clips import NewClip
from serve_app.queue import QueueRules
from serve_app.routes.access import CurrentUser, ServicesOf
from serve_app.routes.documentation import WITH_BODY, errors
from serve_app.schemas import ClipOut, IdempotencyKey, ListOut, Speech, VoiceOut
from serve_app.settings import Settings
from serve_app.text_rules import clean_text

SERVICE = "styletts2"

router = APIRouter(prefix="/api", tags=["speech"])


@router.get("/voices", summary="The voices that can speak", responses=errors(401))
def list_voices(_user: CurrentUser, services: ServicesOf) -> ListOut[VoiceOut]:
    """Each name and alias can be used as `voice`, and so can blends of up to four of them."""
    voices = catalogue(services.settings.checkpoints).voices
    return ListOut(items=[VoiceOut.of(voice) for voice in voices])


@router.post(
    "/speech",
    status_code=202,
    summary="Submit text to be spoken",
    responses={
        202: {
            "description": "The clip waits in the queue",
            "headers": {
                "Location": {
                    "description": "Where to ask after the clip.",
                    "schema": {"type": "string"},
                }
            },
        },
        **errors(401, 402, 409, *WITH_BODY),
    },
)
def submit_speech(
    body: Speech,
    user: CurrentUser,
    services: ServicesOf,
    response: Response,
    idempotency_key: Annotated[
        IdempotencyKey | None,
        Header(
            alias="Idempotency-Key",
            description="Repeating a request with the same key gives the same clip, charged once.",
            examples=["5d3c7f0e-order-17"],
        ),
    ] = None,
) -> ClipOut:
    """The clip is accepted with the time at which it may start (`start_at`): of one account at most
    three start in any minute unless the server is set otherwise, and the others wait."""
    new = _new_clip(body, services.settings)
    rules = QueueRules.of(services.settings)
    request_hash = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    with services.database.transaction() as session:
        now = services.clock(session)
        clip, created = clips.submit(
            session, user.id, new, rules, now, idempotency_key, request_hash
        )
    if created:
        services.wake()
    response.headers["Location"] = f"/api/clips/{clip.id}"
    return show(clip, services.store, services.settings, now)


def _new_clip(body: Speech, settings: Settings) -> NewClip:
    """Raises what is wrong with the request, before anything is written."""
    text = clean_text(body.text, settings.max_text_characters)
    check_format(body.format, body.sample_rate)
    seed = secrets.randbits(32) if body.seed is None else body.seed
    request = SpeechRequest(text, body.voice, body.speed, seed)
    pipeline = settings.pipeline(settings.frontend)
    registry.check(SERVICE, settings.speech_pipeline, request, pipeline)
    return NewClip(
        service=SERVICE,
        credits=settings.clip_credits,
        text=text,
        voice=body.voice,
        original_voice_s3_key=None,
        options={
            "speed": body.speed,
            "format": body.format,
            "sample_rate": body.sample_rate,
            "seed": seed,
        },
    )
