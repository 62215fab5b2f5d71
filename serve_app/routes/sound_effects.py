"""Sound effects: submitting a description."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Response

from pipelines.requests.sound import SoundRequest
from serve_app import catalog
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.schemas.clips import ClipOut
from serve_app.http.schemas.submissions import SoundEffect
from serve_app.http.submission import IdempotencyHeader, Submission, submission_responses
from serve_app.http.text_rules import clean_text
from serve_app.media.clips import NewClip

SERVICE = "make-an-audio"

router = APIRouter(prefix="/api", tags=["sound effects"])


@router.post(
    "/sound-effects",
    status_code=202,
    summary="Submit the description of a sound",
    responses=submission_responses(),
)
async def submit_sound_effect(
    body: SoundEffect,
    user: CurrentUser,
    state: StateDep,
    response: Response,
    idempotency_key: IdempotencyHeader = None,
) -> ClipOut:
    """The clip is accepted with the time at which it may start, as speech is."""
    submission = Submission(state, user, SERVICE, body, idempotency_key)
    make = partial(new_clip, submission, body)
    return await submission.answer(state.work.texts, make, response)


def new_clip(submission: Submission, body: SoundEffect) -> NewClip:
    """Validates the request. Nothing is written before it returns."""
    settings = submission.state.settings
    prompt = clean_text(body.prompt, "prompt", settings.max_prompt_characters)
    seed = submission.seed
    request = SoundRequest(prompt, body.duration, body.steps, body.guidance, seed)
    submission.check(request)
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
