"""The audio of a clip: a link to it, or its bytes while the clip is generated."""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as FromQuery
from starlette.responses import RedirectResponse

from pipelines.audio.containers import ENCODINGS
from serve_app.db.models import Clip, ClipState
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.clip_stream import clip_stream, refusal
from serve_app.http.clip_view import audio_url
from serve_app.http.openapi import errors
from serve_app.http.schemas.clips import AudioQuery
from serve_app.http.streaming import Blocks, StreamedBlocks
from serve_app.media import clips

_START = re.compile(r"bytes=0-(?P<last>\d{1,7})")
_LONGEST_START = 1 << 16

router = APIRouter(prefix="/api/clips", tags=["clips"])


@router.get(
    "/{clip_id}/audio",
    summary="The audio of a clip",
    response_class=Response,
    responses={
        200: {
            "description": "With `stream`: the audio of a pending clip while it is made, byte for "
            "byte that of the finished clip but for the head, which states no length",
            "content": {
                each.content_type: {"schema": {"type": "string", "format": "binary"}}
                for each in ENCODINGS.values()
            },
        },
        206: {"description": "The first bytes of a pending clip, where `Range` asks for them"},
        307: {
            "description": "Where the audio of a clip that succeeded can be fetched from",
            "headers": {"Location": {"schema": {"type": "string"}}},
        },
        **errors(401, 403, 404, 409, 422, 429),
    },
)
async def get_audio(
    clip_id: str,
    user: CurrentUser,
    state: StateDep,
    query: Annotated[AudioQuery, FromQuery()],
    request: Request,
) -> Response:
    """A redirect to the link of a clip that succeeded: the object store sends as slowly as who
    listens reads, while Serve would keep what is not read in memory. With `stream`, the bytes of a
    pending clip as they are made, from its start. Where the clip fails or is made anew meanwhile,
    the connection breaks off. What is heard while it is made cannot state its length where that
    comes first in the file; the stored file does."""
    clip = await state.work.reads.run(user.id, _find, state, user.id, clip_id)
    if clip.state is ClipState.SUCCEEDED:
        seconds = state.settings.presign_seconds
        return RedirectResponse(audio_url(clip, state.store, seconds), 307)
    if not query.stream:
        raise refusal(clip)
    blocks = clip_stream(state, user.id, clip_id, request.is_disconnected)
    kind = ENCODINGS[clip.options["format"]].content_type
    if (asked := first_bytes(request.headers.get("range", ""))) is not None:
        return await _start(blocks, asked, kind)
    return await StreamedBlocks.begin(blocks, kind)


def first_bytes(header: str) -> int | None:
    """How many bytes from the start a `Range` asks for; None for any other range, and for none: of
    a stream everything else is answered by all of it."""
    found = _START.fullmatch(header.strip())
    count = int(found["last"]) + 1 if found is not None else 0
    return count if 0 < count <= _LONGEST_START else None


async def _start(blocks: Blocks, count: int, kind: str) -> Response:
    """The first bytes of a stream, of a length that nobody knows yet. Safari asks for two of them,
    and plays nothing that answers otherwise."""
    start = bytearray()
    async with aclosing(blocks):
        async for block in blocks:
            start += block
            if len(start) >= count:
                break
    body = bytes(start[:count])
    part = {"Content-Range": f"bytes 0-{len(body) - 1}/*", "Accept-Ranges": "bytes"}
    return Response(body, 206, part, kind)


def _find(state: AppState, user_id: str, clip_id: str) -> Clip:
    with state.database.reading() as session:
        return clips.get(session, user_id, clip_id)
