"""Files of batches: what is sent, and what came of it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, NoReturn

from fastapi import APIRouter, Request, Response
from starlette.datastructures import UploadFile

from serve_app.bulkheads import Busy
from serve_app.db.models import Batch, RecordingUpload, User
from serve_app.errors import ApiError, invalid, not_found
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.batch_view import ended_lines
from serve_app.http.forms import file_of, form_of, text_of
from serve_app.http.openai_batches import ERRORS, FILE, OUTPUT, output_lines
from serve_app.http.streaming import Blocks, StreamedBlocks
from serve_app.http.work import reads, writes
from serve_app.ids import made_at
from serve_app.media import uploads
from serve_app.media.batches import records

router = APIRouter(prefix="/v1/files")

_PURPOSE = "batch"
_BLOCK = 4 * 1024 * 1024
_PAGE_LINES = 200
_PAUSE_SECONDS = 0.5
_JSON_LINES = "application/x-ndjson"


@router.post("")
async def create_file(user: CurrentUser, state: StateDep, request: Request) -> dict[str, Any]:
    async with form_of(request) as form:
        if text_of(form, "purpose") != _PURPOSE:
            raise invalid("purpose", "purpose must be batch: no other files are of use here.")
        file = file_of(form, "file")
        upload = await state.work.recordings.run(user.id, _received, state, user, file)
    return _shown(upload, state)


@router.get("")
@reads
def list_files(
    user: CurrentUser, state: StateDep, limit: int = 100, after: str | None = None
) -> dict[str, Any]:
    count = min(max(limit, 1), 100)
    with state.database.reading() as session:
        before = None if after is None else uploads.find(session, user.id, _upload_id(after))
        found = uploads.list_manifests(session, user.id, count + 1, before)
    return listed([_shown(each, state) for each in found], count)


@router.get("/{file_id}")
@reads
def retrieve_file(file_id: str, user: CurrentUser, state: StateDep) -> dict[str, Any]:
    if (found := _batch_of(file_id)) is not None:
        batch = _find_batch(state, user, found[1])
        return _output_shown(file_id, batch)
    return _shown(_find(state, user, file_id), state)


@router.delete("/{file_id}")
@writes
def delete_file(file_id: str, user: CurrentUser, state: StateDep) -> dict[str, Any]:
    with state.database.transaction() as session:
        try:
            uploads.delete(session, user.id, _upload_id(file_id), state.clock(session))
        except ApiError as error:
            _missing(error)
    return {"id": file_id, "object": "file", "deleted": True}


@router.get("/{file_id}/content")
async def file_content(file_id: str, user: CurrentUser, state: StateDep) -> Response:
    """What was sent; of an output, the lines that have ended."""
    if (found := _batch_of(file_id)) is not None:
        kind, batch_id = found
        await state.work.reads.run(user.id, _find_batch, state, user, batch_id)
        return await StreamedBlocks.begin(
            _output(state, user, batch_id, kind == ERRORS), _JSON_LINES
        )
    upload = await state.work.reads.run(user.id, _find, state, user, file_id)
    return await StreamedBlocks.begin(_sent(state, user, upload), _JSON_LINES)


def listed(items: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A page of a list, of which one item more was looked for."""
    shown = items[:limit]
    return {
        "object": "list",
        "data": shown,
        "has_more": len(items) > limit,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
    }


def _received(state: AppState, user: User, file: UploadFile) -> RecordingUpload:
    settings = state.settings
    with state.database.transaction() as session:
        uploads.require_place(session, user.id, settings.max_uploads)
    data = file.file.read(settings.max_upload_bytes + 1)
    return uploads.receive(
        state.database, state.store, settings, user.id, data, state.clock, _JSON_LINES
    )


def _shown(upload: RecordingUpload, state: AppState) -> dict[str, Any]:
    return {
        "id": FILE + upload.id,
        "object": "file",
        "bytes": upload.bytes,
        "created_at": int(made_at(upload.id)),  # the row has another time, see `uploads.receive`
        "expires_at": int(upload.created_at + state.settings.upload_keep_seconds),
        "filename": f"{upload.id}.jsonl",
        "purpose": _PURPOSE,
        "status": "processed",
    }


def _output_shown(file_id: str, batch: Batch) -> dict[str, Any]:
    return {
        "id": file_id,
        "object": "file",
        "bytes": 0,
        "created_at": int(batch.created_at),
        "filename": f"{file_id}.jsonl",
        "purpose": "batch_output",
        "status": "processed",
    }


def _upload_id(file_id: str) -> str:
    return file_id.removeprefix(FILE)


def _batch_of(file_id: str) -> tuple[str, str] | None:
    """What kind of output of which batch."""
    for kind in (OUTPUT, ERRORS):
        if file_id.startswith(kind):
            return kind, file_id.removeprefix(kind)
    return None


def _find(state: AppState, user: User, file_id: str) -> RecordingUpload:
    with state.database.reading() as session:
        try:
            return uploads.find(session, user.id, _upload_id(file_id))
        except ApiError as error:
            _missing(error)


def _find_batch(state: AppState, user: User, batch_id: str) -> Batch:
    with state.database.reading() as session:
        try:
            return records.get(session, user.id, batch_id)
        except ApiError as error:
            _missing(error)


def _missing(error: ApiError) -> NoReturn:
    raise (not_found("file") if error.status == 404 else error) from error


async def _sent(state: AppState, user: User, upload: RecordingUpload) -> Blocks:
    for start in range(0, upload.bytes, _BLOCK):
        size = min(_BLOCK, upload.bytes - start)
        part = partial(state.store.get_range, upload.s3_key, start, size)
        yield await state.work.store.run(user.id, part)


async def _output(state: AppState, user: User, batch_id: str, failed: bool) -> Blocks:
    after = 0
    while True:
        page = partial(_page, state, user, batch_id, after, failed)
        try:
            last, lines = await state.work.reads.run(user.id, page)
        except Busy:
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        if last == after:
            return
        after = last
        if lines:
            yield lines


def _page(
    state: AppState, user: User, batch_id: str, after: int, failed: bool
) -> tuple[int, bytes]:
    with state.database.reading() as session:
        batch = records.get(session, user.id, batch_id)
        last, lines = ended_lines(session, batch, after, _PAGE_LINES, failed)
    return last, output_lines(lines, batch, state.store, state.settings.presign_seconds, failed)
