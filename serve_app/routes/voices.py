"""Voices: shipped ones, and a user's own."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Response
from starlette.responses import RedirectResponse

from pipelines.voices.shipped_voices import catalogue
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.openapi import WITH_BODY, errors
from serve_app.http.schemas.common import ListOut
from serve_app.http.schemas.recordings import NewVoice, VoiceName, VoiceOut
from serve_app.http.work import reads, recordings, writes
from serve_app.media import uploads, voices

log = logging.getLogger(__name__)

router = APIRouter(prefix="/api/voices", tags=["voices"])


@router.get("", summary="The voices to choose from", responses=errors(401, 403))
@reads
def list_voices(user: CurrentUser, state: StateDep) -> ListOut[VoiceOut]:
    """Those that ship first: each name and alias of them can be spoken with, and so can blends of
    up to four. Then those of one's own, newest first."""
    shipped = catalogue(state.settings.checkpoints).voices
    with state.database.reading() as session:
        own = voices.list_own(session, user.id)
    items = [VoiceOut.of_shipped(voice) for voice in shipped]
    return ListOut(items=[*items, *(VoiceOut.of_own(voice) for voice in own)])


@router.post(
    "",
    status_code=201,
    summary="Make a voice from a recording",
    responses=errors(401, 403, 404, 409, *WITH_BODY),
)
@recordings
def create_voice(body: NewVoice, user: CurrentUser, state: StateDep) -> VoiceOut:
    """The recording has to hold speech, neither too quiet nor overdriven. The voice keeps a copy:
    the upload may be deleted."""
    max_voices = state.settings.max_voices
    name = voices.clean_name(body.name, catalogue(state.settings.checkpoints))
    with state.database.reading() as session:
        voices.require_room(session, user.id, name, max_voices)
        upload = uploads.find(session, user.id, body.upload)
        now = state.clock(session)
    shortest, longest = voices.SECONDS
    recording = uploads.read(state.store, upload, longest, shortest)
    voice = voices.create(state.database, state.store, user.id, name, recording, max_voices, now)
    return VoiceOut.of_own(voice)


@router.patch(
    "/{voice_id}",
    summary="Rename a voice of one's own",
    responses=errors(401, 403, 404, 409, *WITH_BODY),
)
@writes
def rename_voice(voice_id: str, body: VoiceName, user: CurrentUser, state: StateDep) -> VoiceOut:
    """Clips keep the name that they were made under."""
    name = voices.clean_name(body.name, catalogue(state.settings.checkpoints))
    with state.database.transaction() as session:
        return VoiceOut.of_own(voices.rename(session, user.id, voice_id, name))


@router.get(
    "/{voice}/sample",
    summary="What a voice sounds like",
    response_class=Response,
    responses={
        200: {
            "description": "The recording of a voice that ships",
            "content": {"audio/flac": {"schema": {"type": "string", "format": "binary"}}},
        },
        307: {
            "description": "Where the recording of a voice of one's own can be fetched from",
            "headers": {"Location": {"schema": {"type": "string"}}},
        },
        **errors(401, 403, 404),
    },
)
@reads
def get_sample(voice: str, user: CurrentUser, state: StateDep) -> Response:
    """Takes the name or alias of a voice that ships, or the id of one's own."""
    shipped = catalogue(state.settings.checkpoints)
    if (known := shipped.named(voice)) is not None:
        return Response(shipped.recording(known).read_bytes(), media_type="audio/flac")
    with state.database.reading() as session:
        own = voices.find(session, user.id, voice)
    seconds = state.settings.presign_seconds
    return RedirectResponse(state.store.presigned_get(own.s3_key, seconds, f"{own.id}.flac"), 307)


@router.delete(
    "/{voice_id}",
    status_code=204,
    response_class=Response,
    summary="Delete a voice of one's own",
    responses=errors(401, 403, 404),
)
@writes
def delete_voice(voice_id: str, user: CurrentUser, state: StateDep) -> None:
    """Clips that are pending already are still made in it."""
    with state.database.transaction() as session:
        voices.delete(session, user.id, voice_id, state.clock(session))
