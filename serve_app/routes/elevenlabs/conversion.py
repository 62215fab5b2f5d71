"""Voice conversion, under both of its names: newer clients call it voice changer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Response
from starlette.datastructures import UploadFile

from serve_app.http.forms import digest_of, file_of, form_of, raw_as_wav, text_of, whole_number
from serve_app.http.new_clips import CONVERSION, conversion_clip
from serve_app.http.schemas.common import for_header
from serve_app.http.schemas.submissions import Conversion
from serve_app.http.submission import Submission
from serve_app.http.surface_calls import SurfaceCall, fingerprint
from serve_app.http.surface_names import check_model, voice_named
from serve_app.media import uploads
from serve_app.media.clips import NewClip
from serve_app.routes.elevenlabs.audio_requests import Asked, AudioRequest
from serve_app.routes.elevenlabs.speech import FOREIGN

router = APIRouter(prefix="/v1")

_WITHOUT_EFFECT = ("voice_settings", "remove_background_noise")
_KNOWN = {"audio", "model_id", "seed", "file_format", *_WITHOUT_EFFECT}


@router.post("/voice-changer/{voice_id}")
@router.post("/speech-to-speech/{voice_id}")
async def convert(voice_id: str, asked: Asked) -> Response:
    """The whole file, sent when it is made."""
    return await _answer(voice_id, asked, live=False)


@router.post("/voice-changer/{voice_id}/stream")
@router.post("/speech-to-speech/{voice_id}/stream")
async def stream(voice_id: str, asked: Asked) -> Response:
    """The audio while it is made."""
    return await _answer(voice_id, asked, live=True)


async def _answer(voice_id: str, asked: AudioRequest, *, live: bool) -> Response:
    user, state, request = asked.user, asked.state, asked.http
    name, rate = asked.encoding(live)
    async with form_of(request) as form:
        audio = file_of(form, "audio")
        ignored = [
            key for key in _WITHOUT_EFFECT if text_of(form, key) not in ("", "null", "false")
        ]
        ignored += for_header(set(form) - _KNOWN)
        ignored += asked.ignored()
        seed = whole_number(form, "seed", 2**32 - 1)
        wanted = Conversion(upload="-", voice="-", seed=seed, sample_rate=rate)
        submission = Submission(state, user, CONVERSION, wanted, None, name)
        fields = [f"{key}={text_of(form, key)}".encode() for key in sorted(form) if key != "audio"]
        content = await state.work.recordings.run(user.id, digest_of, audio)
        submission.fingerprint = fingerprint(request, content, *fields)
        model_id = text_of(form, "model_id") or None
        raw = text_of(form, "file_format") == "pcm_s16le_16"
        source = _Source(submission, wanted, model_id, voice_id, audio, raw)
        call = SurfaceCall(
            state, user, request, submission, state.work.recordings, source.new_clip, live, ignored
        )
        try:
            blocks = await call.begin()
        finally:
            await asyncio.shield(state.work.writes.run(user.id, source.hide))
    return await call.respond(blocks)


@dataclass(slots=True)
class _Source:
    """The recording of one call: an upload that is hidden as soon as its clip holds it."""

    submission: Submission
    wanted: Conversion
    model_id: str | None
    voice_id: str
    file: UploadFile
    raw: bool
    """Whether it is samples without a head."""
    upload_id: str = field(init=False, default="")

    def new_clip(self) -> NewClip:
        submission, state, user = self.submission, self.submission.state, self.submission.user
        check_model(state.settings, CONVERSION, self.model_id, FOREIGN)
        voice = voice_named(state, user, self.voice_id)
        data = self.file.file.read()
        if self.raw:
            data = raw_as_wav(data)
        upload = uploads.receive(
            state.database, state.store, state.settings, user.id, data, state.clock
        )
        self.upload_id = upload.id
        changes: dict[str, Any] = {"upload": upload.id, "voice": voice}
        return conversion_clip(submission, self.wanted.model_copy(update=changes))

    def hide(self) -> None:
        if not self.upload_id:
            return
        state, user = self.submission.state, self.submission.user
        with state.database.transaction() as session:
            uploads.delete(session, user.id, self.upload_id, state.clock(session))
