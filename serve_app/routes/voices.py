"""Voices: shipped ones, and a user's own."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Response

from pipelines.voices.shipped_voices import catalogue
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.openapi import WITH_BODY, errors
from serve_app.http.schemas.common import ListOut
from serve_app.http.schemas.recordings import NewVoice, VoiceOut
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
