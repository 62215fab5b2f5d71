"""Voice conversion: submitting a recording and a voice."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Response

from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.new_clips import CONVERSION, conversion_clip
from serve_app.http.schemas.clips import ClipOut
from serve_app.http.schemas.submissions import Conversion
from serve_app.http.submission import IdempotencyHeader, Submission, submission_responses

router = APIRouter(prefix="/api", tags=["voice conversion"])


@router.post(
    "/conversions",
    status_code=202,
    summary="Submit a recording to be said by another voice",
    responses=submission_responses(404),
)
async def submit_conversion(
    body: Conversion,
    user: CurrentUser,
    state: StateDep,
    response: Response,
    idempotency_key: IdempotencyHeader = None,
) -> ClipOut:
    """Takes an upload or a finished clip of one's own, of 0.2 seconds to 5 minutes unless the
    server is set otherwise. The recording is read before the clip is accepted."""
    submission = Submission(state, user, CONVERSION, body, idempotency_key)
    new_clip = partial(conversion_clip, submission, body)
    return await submission.answer(state.work.recordings, new_clip, response)
