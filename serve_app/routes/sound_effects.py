"""Sound effects: submitting a description."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pipelines.makeanaudio.request import SoundRequest
from serve_app import installed
from serve_app.clips import NewClip
from serve_app.job_schemas import SoundEffect
from serve_app.routes import submit
from serve_app.routes.access import CurrentUser, ServicesOf
from serve_app.routes.submit import IdempotencyHeader, accepted
from serve_app.schemas import ClipOut
from serve_app.services import Services
from serve_app.text_rules import clean_text

SERVICE = "make-an-audio"

router = APIRouter(prefix="/api", tags=["sound effects"])


@router.post(
    "/sound-effects",
    status_code=202,
    summary="Submit the description of a sound",
    responses=accepted(),
)
def submit_sound_effect(
    body: SoundEffect,
    user: CurrentUser,
    services: ServicesOf,
    response: Response,
    idempotency_key: IdempotencyHeader = None,
) -> ClipOut:
    """The clip is accepted with the time at which it may start, as speech is."""
    return submit.submit(
        services, user, SERVICE, body, lambda: _new_clip(body, services), idempotency_key, response
    )


def _new_clip(body: SoundEffect, services: Services) -> NewClip:
    """Raises what is wrong with the request, before anything is written."""
    settings = services.settings
    prompt = clean_text(body.prompt, "prompt", settings.max_prompt_characters)
    seed = submit.seed_of(body)
    request = SoundRequest(prompt, body.duration, body.steps, body.guidance, seed)
    submit.check(SERVICE, request, body, services)
    return NewClip(
        service=SERVICE,
        credits=settings.clip_credits,
        text=prompt,
        voice=None,
        original_voice_s3_key=None,
        options={
            "model": installed.require(SERVICE, settings),
            "duration": body.duration,
            "steps": body.steps,
            "guidance": body.guidance,
            "format": body.format,
            "sample_rate": body.sample_rate,
            "seed": seed,
        },
    )
