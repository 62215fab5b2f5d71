"""Text to speech: submitting a text."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Response

from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.new_clips import SPEECH, speech_clip
from serve_app.http.schemas.clips import ClipOut
from serve_app.http.schemas.submissions import Speech
from serve_app.http.submission import IdempotencyHeader, Submission, submission_responses

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
    submission = Submission(state, user, SPEECH, body, idempotency_key)
    new_clip = partial(speech_clip, submission, body)
    return await submission.answer(state.work.texts, new_clip, response)
