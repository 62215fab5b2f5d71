"""Text to speech: submitting a text."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from pipelines import registry
from pipelines.protocol import SpeechRequest
from serve_app import installed
from serve_app.clips import NewClip
from serve_app.db.models import User
from serve_app.job_schemas import Speech
from serve_app.jobs import REFERENCE
from serve_app.routes import submit
from serve_app.routes.access import CurrentUser, ServicesOf
from serve_app.routes.submit import IdempotencyHeader, accepted
from serve_app.schemas import ClipOut
from serve_app.services import Services
from serve_app.text_rules import clean_text

SERVICE = "styletts2"

router = APIRouter(prefix="/api", tags=["speech"])


@router.post("/speech", status_code=202, summary="Submit text to be spoken", responses=accepted())
def submit_speech(
    body: Speech,
    user: CurrentUser,
    services: ServicesOf,
    response: Response,
    idempotency_key: IdempotencyHeader = None,
) -> ClipOut:
    """The clip is accepted with the time at which it may start (`start_at`): of one account at most
    three start in any minute unless the server is set otherwise, and the others wait."""
    return submit.submit(
        services,
        user,
        SERVICE,
        body,
        lambda: _new_clip(body, user, services),
        idempotency_key,
        response,
    )


def _new_clip(body: Speech, user: User, services: Services) -> NewClip:
    """Raises what is wrong with the request, before anything is written."""
    settings = services.settings
    text = clean_text(body.text, "text", settings.max_text_characters)
    seed = submit.seed_of(body)
    submit.check(SERVICE, SpeechRequest(text, body.voice, body.speed, seed), body, services)
    options: dict[str, Any] = {
        "speed": body.speed,
        "format": body.format,
        "sample_rate": body.sample_rate,
        "seed": seed,
    }
    if registry.takes_reference(SERVICE, installed.require(SERVICE, settings)):
        options[REFERENCE] = submit.reference(body.voice, user, services)
    return NewClip(
        service=SERVICE,
        credits=settings.clip_credits,
        text=text,
        voice=body.voice,
        original_voice_s3_key=None,
        options=options,
    )
