"""Sound effects: submitting a description."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Response

from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.new_clips import SOUND, sound_clip
from serve_app.http.schemas.clips import ClipOut
from serve_app.http.schemas.submissions import SoundEffect
from serve_app.http.submission import IdempotencyHeader, Submission, submission_responses

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
    submission = Submission(state, user, SOUND, body, idempotency_key)
    new_clip = partial(sound_clip, submission, body)
    return await submission.answer(state.work.texts, new_clip, response)
