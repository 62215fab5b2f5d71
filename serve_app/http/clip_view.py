"""The JSON of a clip."""

from __future__ import annotations

from typing import Any

from pipelines.audio.containers import ENCODINGS
from serve_app.db.models import Clip, ClipState
from serve_app.http.schemas.clips import AudioOut, ClipErrorOut, ClipOut
from serve_app.http.schemas.common import moment, moment_or_none
from serve_app.media.pipeline_requests import REFERENCE
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore

_TOLD = ("note", "sounds")
_NOT_OPTIONS = {"format", "sample_rate", "seed", REFERENCE}


def clip_out(clip: Clip, store: ObjectStore, settings: Settings, now: float) -> ClipOut:
    """The clip as the API gives it. The URL of its audio is valid from `now`, in epoch seconds."""
    return ClipOut(
        id=clip.id,
        service=clip.service,
        state=clip.state,
        text=clip.text,
        voice=clip.voice,
        original_voice_s3_key=clip.original_voice_s3_key,
        options={name: clip.options[name] for name in clip.options if name not in _NOT_OPTIONS},
        format=clip.options["format"],
        sample_rate=clip.options["sample_rate"],
        seed=clip.options["seed"],
        credits=clip.credits,
        created_at=moment(clip.created_at),
        start_at=moment(clip.start_at),
        started_at=moment_or_none(clip.started_at),
        finished_at=moment_or_none(clip.finished_at),
        attempts=clip.attempts,
        s3_key=clip.s3_key,
        audio=_audio(clip, store, settings.presign_seconds, now),
        error=_error(clip),
        note=(clip.timings or {}).get("note"),
        sounds=(clip.timings or {}).get("sounds"),
        timings=_timings(clip),
    )


def _timings(clip: Clip) -> dict[str, Any] | None:
    if clip.timings is None:
        return None
    return {name: value for name, value in clip.timings.items() if name not in _TOLD}


def audio_url(clip: Clip, store: ObjectStore, seconds: int) -> str:
    """A presigned URL of the audio of a clip that succeeded."""
    name = f"{clip.id}.{ENCODINGS[clip.options['format']].extension}"
    return store.presigned_get(clip.s3_key or "", seconds, name)


def _audio(clip: Clip, store: ObjectStore, seconds: int, now: float) -> AudioOut | None:
    if clip.s3_key is None or clip.bytes is None or clip.audio_seconds is None:
        return None
    return AudioOut(
        url=audio_url(clip, store, seconds),
        expires_at=moment(now + seconds),
        content_type=ENCODINGS[clip.options["format"]].content_type,
        bytes=clip.bytes,
        seconds=clip.audio_seconds,
    )


def _error(clip: Clip) -> ClipErrorOut | None:
    if clip.state is not ClipState.FAILED:
        return None
    return ClipErrorOut(code=clip.error_code or "failed", message=clip.error or "")
