"""Voice conversion: submitting a recording and a voice."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Response

from pipelines import registry
from pipelines.requests.conversion import ConversionRequest
from serve_app import catalog
from serve_app.db.models import ClipState, User
from serve_app.errors import invalid
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.schemas.clips import ClipOut
from serve_app.http.schemas.submissions import Conversion
from serve_app.http.submission import IdempotencyHeader, Submission, submission_responses
from serve_app.media import clips, uploads, voices
from serve_app.media.clips import NewClip
from serve_app.media.pipeline_requests import REFERENCE
from serve_app.settings import Settings

SERVICE = "seedvc"

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
    submission = Submission(state, user, SERVICE, body, idempotency_key)
    make = partial(new_clip, submission, body)
    return await submission.answer(state.work.recordings, make, response)


def new_clip(submission: Submission, body: Conversion) -> NewClip:
    """Validates the request. Nothing is written before it returns."""
    state, user = submission.state, submission.user
    if (body.upload is None) == (body.clip is None):
        raise invalid("upload", "Name what to convert: either an upload or a clip.")
    options = body.model_dump(
        include={"steps", "guidance", "length_adjust", "match_pitch", "semitones"}
    )
    seed = submission.seed
    recorded = _takes_recording(body, user, state)
    request = ConversionRequest(**options, seed=seed, voice=body.voice)
    submission.check(request)
    reference = {REFERENCE: submission.reference(body.voice)} if recorded else {}
    source, seconds = _source(body, user, state)
    longest = state.settings.max_source_seconds
    if seconds * body.length_adjust > longest:
        message = f"length_adjust must not stretch the recording beyond {longest:g} seconds."
        raise invalid("length_adjust", message)
    return NewClip(
        service=SERVICE,
        credits=state.settings.clip_credits,
        text=None,
        voice=body.voice,
        original_voice_s3_key=source,
        options={
            **options,
            **reference,
            "format": body.format,
            "sample_rate": body.sample_rate,
            "seed": seed,
        },
    )


def _takes_recording(body: Conversion, user: User, state: AppState) -> bool:
    """Whether the model takes the recording of a voice. Raises ApiError 422 `voice_not_supported`
    where the voice is the user's own and the model has voices of its own only."""
    pipeline = catalog.require(SERVICE, state.settings)
    if registry.takes_reference(SERVICE, pipeline):
        return True
    with state.database.reading() as session:
        own = voices.find_own(session, user.id, body.voice)
    if own is not None:
        message = (
            f"The model that converts here, {pipeline}, speaks with the voices that ship and "
            "blends of them, not with voices of your own. Seed-VC does: see `bernie fetch seed-vc`."
        )
        raise invalid("voice", message, "voice_not_supported")
    return False


def _source(body: Conversion, user: User, state: AppState) -> tuple[str, float]:
    """Object key and length in seconds of what is converted. The length is within the limits."""
    if body.clip is not None:
        return _source_clip(body.clip, user, state)
    with state.database.reading() as session:
        upload = uploads.find(session, user.id, body.upload or "")
    seconds = uploads.inspect(state.database, state.store, state.settings, upload)
    return upload.s3_key, seconds


def _source_clip(clip_id: str, user: User, state: AppState) -> tuple[str, float]:
    with state.database.reading() as session:
        clip = clips.get(session, user.id, clip_id)
    if clip.state is not ClipState.SUCCEEDED or clip.s3_key is None:
        raise invalid("clip", f"Only a clip that succeeded can be converted; this is {clip.state}.")
    seconds = clip.audio_seconds or 0.0
    _check_length(seconds, state.settings)
    return clip.s3_key, seconds


def _check_length(seconds: float, settings: Settings) -> None:
    shortest, longest = settings.min_source_seconds, settings.max_source_seconds
    if not shortest <= seconds <= longest:
        message = f"The recording must last {shortest:g} to {longest:g} seconds, not {seconds:.1f}."
        raise invalid("clip", message)
