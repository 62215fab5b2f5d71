"""Text to speech: submitting a text."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Response

from pipelines import registry
from pipelines.protocol import SpeechRequest
from serve_app import catalog
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.schemas.clips import ClipOut
from serve_app.http.schemas.submissions import Speech
from serve_app.http.submission import IdempotencyHeader, Submission, submission_responses
from serve_app.http.text_rules import clean_text
from serve_app.media.clips import NewClip
from serve_app.media.pipeline_requests import REFERENCE

SERVICE = "styletts2"

router = APIRouter(prefix="/api", tags=["speech"])


@router.post(
    "/speech", status_code=202, summary="Submit text to be spoken", responses=submission_responses()
)
async def submit_speech(
    body: Speech,
    user: CurrentUser,
    state: StateDep,
    response: Response,
    idempotency_key: IdempotencyHeader = None,
) -> ClipOut:
    """The clip is accepted with the time at which it may start (`start_at`): of one account at most
    three start in any minute unless the server is set otherwise, and the others wait."""
    submission = Submission(state, user, SERVICE, body, idempotency_key)
    make = partial(new_clip, submission, body)
    return await submission.answer(state.work.texts, make, response)


def new_clip(submission: Submission, body: Speech) -> NewClip:
    """Validates the request. Nothing is written before it returns."""
    settings = submission.state.settings
    text = clean_text(body.text, "text", settings.max_text_characters)
    seed = submission.seed
    submission.check(SpeechRequest(text, body.voice, body.speed, seed, body.literal))
    options: dict[str, Any] = {
        "speed": body.speed,
        "format": body.format,
        "sample_rate": body.sample_rate,
        "seed": seed,
    }
    if body.literal:
        options["literal"] = True
    if registry.takes_reference(SERVICE, catalog.require(SERVICE, settings)):
        options[REFERENCE] = submission.reference(body.voice)
    return NewClip(
        service=SERVICE,
        credits=settings.clip_credits,
        text=text,
        voice=body.voice,
        original_voice_s3_key=None,
        options=options,
    )
