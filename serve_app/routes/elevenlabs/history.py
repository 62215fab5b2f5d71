"""History: the clips that succeeded, those of sound effects too."""

from __future__ import annotations

import tempfile
import zipfile
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Query as FromQuery

from pipelines.audio.containers import ENCODINGS
from serve_app.db.models import Clip, ClipState, User
from serve_app.errors import ApiError, not_found
from serve_app.field_rules import between
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.clip_stream import clip_stream
from serve_app.http.schemas.common import ForeignBody
from serve_app.http.streaming import Blocks, StreamedBlocks
from serve_app.http.work import reads, writes
from serve_app.media import clips, history, word_times
from serve_app.routes.elevenlabs.formats import unknown_parameters
from serve_app.routes.elevenlabs.times import times

router = APIRouter(prefix="/v1/history")

SOURCES = {"TTS": "styletts2", "STS": "seedvc", "SFX": "make-an-audio"}
_MODELS = {
    "styletts2": "eleven_multilingual_v2",
    "seedvc": "eleven_english_sts_v2",
    "make-an-audio": "eleven_text_to_sound_v2",
}
_BLOCK = 256 * 1024
MAX_DOWNLOAD = 100
_LISTED = (
    *("page_size", "start_after_history_item_id", "voice_id", "search", "source"),
    *("date_after_unix", "date_before_unix", "sort_direction"),
)
Json = dict[str, Any]


@router.get("")
@reads
def list_history(
    user: CurrentUser,
    state: StateDep,
    request: Request,
    response: Response,
    page_size: Annotated[int, between(1, 1000), FromQuery()] = 100,
    start_after_history_item_id: Annotated[str, FromQuery(max_length=40)] = "",
    voice_id: Annotated[str, FromQuery(max_length=200)] = "",
    search: Annotated[str, FromQuery(max_length=200)] = "",
    source: Annotated[Literal["TTS", "STS", "SFX"] | None, FromQuery()] = None,
    date_after_unix: Annotated[int | None, FromQuery()] = None,
    date_before_unix: Annotated[int | None, FromQuery()] = None,
    sort_direction: Annotated[Literal["asc", "desc"], FromQuery()] = "desc",
) -> Json:
    if ignored := unknown_parameters(request, _LISTED):
        response.headers["x-bernie-ignored"] = ", ".join(ignored)
    wanted = history.Wanted(
        voice=voice_id or None,
        service=SOURCES[source] if source else None,
        search=search or None,
        since=date_after_unix,
        until=date_before_unix,
        newest_first=sort_direction == "desc",
    )
    with state.database.reading() as session:
        after = start_after_history_item_id or None
        found = history.page(session, user.id, wanted, page_size + 1, after)
        now = state.clock(session)
    items = [_item(clip) for clip in found[:page_size]]
    return {
        "history": items,
        "last_history_item_id": items[-1]["history_item_id"] if items else None,
        "has_more": len(found) > page_size,
        "scanned_until": int(now),
    }


class Download(ForeignBody):
    history_item_ids: list[str]
    output_format: str | None = None


@router.post("/download")
async def download(body: Download, user: CurrentUser, state: StateDep) -> Response:
    """The file of one clip, or an archive of those of several."""
    ids = list(dict.fromkeys(body.history_item_ids))
    if not 1 <= len(ids) <= MAX_DOWNLOAD:
        message = f"history_item_ids must have 1 to {MAX_DOWNLOAD} ids."
        raise ApiError(400, "invalid_input", message, "history_item_ids")
    found = [await state.work.reads.run(user.id, _clip, state, user, each, 400) for each in ids]
    headers = {}
    if body.output_format not in (None, "default"):
        headers["x-bernie-ignored"] = "output_format"
    if len(found) == 1:
        data = await state.work.store.run(user.id, state.store.get, found[0].s3_key or "")
        kind = ENCODINGS[found[0].options["format"]].content_type
        return Response(data, media_type=kind, headers=headers)
    archive = await state.work.store.run(user.id, _archive, state, found)
    blocks = _read(archive)
    return StreamedBlocks(await anext(blocks), blocks, "application/zip", headers)


@router.get("/{item_id}")
@reads
def get_item(item_id: str, user: CurrentUser, state: StateDep) -> Json:
    clip = _clip(state, user, item_id)
    with state.database.reading() as session:
        words = word_times.find(session, clip.id)
    return _item(clip) | {"alignments": times(clip.text or "", words) if words else None}


@router.delete("/{item_id}")
@writes
def delete_item(item_id: str, user: CurrentUser, state: StateDep) -> Json:
    _clip(state, user, item_id)
    with state.database.transaction() as session:
        clips.delete(session, user.id, item_id, state.settings, state.clock(session))
    return {"status": "ok"}


@router.get("/{item_id}/audio")
async def get_audio(item_id: str, user: CurrentUser, state: StateDep, request: Request) -> Response:
    clip = await state.work.reads.run(user.id, _clip, state, user, item_id)
    blocks = clip_stream(state, user.id, clip.id, request.is_disconnected)
    kind = ENCODINGS[clip.options["format"]].content_type
    return await StreamedBlocks.begin(blocks, kind)


def _clip(state: AppState, user: User, item_id: str, missing: int = 404) -> Clip:
    """A clip that succeeded. Raises ApiError `history_item_not_found`."""
    with state.database.reading() as session:
        try:
            clip = clips.get(session, user.id, item_id)
        except ApiError:
            clip = None
    if clip is None or clip.state is not ClipState.SUCCEEDED:
        error = not_found("history_item")
        raise ApiError(missing, error.code, error.message)
    return clip


def _archive(state: AppState, found: list[Clip]) -> IO[bytes]:
    """A file on the disk: audio does not get smaller, so nothing is compressed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - who reads it closes it
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for clip in found:
            extension = ENCODINGS[clip.options["format"]].extension
            archive.writestr(f"{clip.id}.{extension}", state.store.get(clip.s3_key or ""))
    file.seek(0)
    return file


async def _read(file: IO[bytes]) -> Blocks:
    with file:
        while block := file.read(_BLOCK):
            yield block


def _item(clip: Clip) -> Json:
    source = next(name for name, service in SOURCES.items() if service == clip.service)
    return {
        "history_item_id": clip.id,
        "request_id": clip.id,
        "voice_id": clip.voice,
        "model_id": _MODELS[clip.service],
        "voice_name": clip.voice,
        "voice_category": None,
        "text": clip.text,
        "date_unix": int(clip.created_at),
        "character_count_change_from": 0,
        "character_count_change_to": clip.credits,
        "content_type": ENCODINGS[clip.options["format"]].content_type,
        "state": "created",
        "settings": None,
        "feedback": None,
        "share_link_id": None,
        "source": source,
        "alignments": None,
    }
