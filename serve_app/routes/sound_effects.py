"""Sound effects: submitting a description."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pipelines.requests.sound import SoundRequest
from serve_app import catalog
from serve_app.http import submission
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.schemas.common import ClipOut
from serve_app.http.schemas.submissions import SoundEffect
from serve_app.http.submission import IdempotencyHeader, accepted
from serve_app.http.text_rules import clean_text
from serve_app.media.clips import NewClip

SERVICE = "make-an-audio"

router = APIRouter(prefix="/api", tags=["sound effects"])


@router.post(
    "/sound-effects",
    status_code=202,
    summary="Submit the description of a sound",
    responses=accepted(),
)
async def submit_sound_effect(
    body: SoundEffect,
    user: CurrentUser,
    state: StateDep,
    response: Response,
    idempotency_key: IdempotencyHeader = None,
) -> ClipOut:
    """The clip is accepted with the time at which it may start, as speech is."""
    return await submission.submit(
        state,
        user,
        SERVICE,
        body,
        state.work.texts,
        lambda: _new_clip(body, state),
        idempotency_key,
        response,
    )


def _new_clip(body: SoundEffect, state: AppState) -> NewClip:
    """Raises what is wrong with the request, before anything is written."""
    settings = state.settings
    prompt = clean_text(body.prompt, "prompt", settings.max_prompt_characters)
    seed = submission.seed_of(body)
    request = SoundRequest(prompt, body.duration, body.steps, body.guidance, seed)
    submission.check(SERVICE, request, body, state)
    return NewClip(
        service=SERVICE,
        credits=settings.clip_credits,
        text=prompt,
        voice=None,
        original_voice_s3_key=None,
        options={
            "model": catalog.require(SERVICE, settings),
            "duration": body.duration,
            "steps": body.steps,
            "guidance": body.guidance,
            "format": body.format,
            "sample_rate": body.sample_rate,
            "seed": seed,
        },
    )
