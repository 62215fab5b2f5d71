"""Speech with the times of its characters: in one object, or in a stream of them, one a line."""

from __future__ import annotations

import base64
import json
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response

from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.streaming import Blocks, StreamedBlocks
from serve_app.http.surface_calls import CLIENT_GONE, SurfaceCall
from serve_app.routes.elevenlabs.formats import DEFAULT
from serve_app.routes.elevenlabs.speech import Flag, OutputFormat, SpeechBody, speech_call
from serve_app.routes.elevenlabs.times import UNTIMED, times_of

router = APIRouter(prefix="/v1/text-to-speech")

Json = dict[str, Any]


@router.post("/{voice_id}/with-timestamps")
async def convert(
    voice_id: str,
    body: SpeechBody,
    user: CurrentUser,
    state: StateDep,
    request: Request,
    output_format: OutputFormat = DEFAULT,
    enable_logging: Flag = True,
) -> Response:
    """The whole file and its times."""
    call = await speech_call(
        voice_id, body, user, state, request, output_format, enable_logging, False
    )
    return await whole(call)


@router.post("/{voice_id}/stream/with-timestamps")
async def stream(
    voice_id: str,
    body: SpeechBody,
    user: CurrentUser,
    state: StateDep,
    request: Request,
    output_format: OutputFormat = DEFAULT,
    enable_logging: Flag = True,
) -> Response:
    """The audio while it is made. Its times come with the last object."""
    call = await speech_call(
        voice_id, body, user, state, request, output_format, enable_logging, True
    )
    return await by_lines(call)


async def whole(call: SurfaceCall) -> Response:
    """One object, which is sent in parts: no whole file is in memory."""
    blocks = await call.begin()
    first = await anext(blocks, None)
    if first is None:
        return Response(status_code=CLIENT_GONE)
    parts = _parts(call, first, blocks)
    return StreamedBlocks(await anext(parts), parts, "application/json", call.headers)


async def by_lines(call: SurfaceCall) -> Response:
    blocks = await call.begin()
    first = await anext(blocks, None)
    if first is None:
        return Response(status_code=CLIENT_GONE)
    lines = _lines(call, first, blocks)
    return StreamedBlocks(await anext(lines), lines, "application/x-ndjson", call.headers)


async def _parts(call: SurfaceCall, first: bytes, blocks: Blocks) -> Blocks:
    async with aclosing(blocks):
        yield b'{"audio_base64": "'
        rest = first
        async for block in blocks:
            # Base64 is of three bytes at a time.
            even = len(rest) - len(rest) % 3
            yield base64.b64encode(rest[:even])
            rest = rest[even:] + block
        yield base64.b64encode(rest)
    yield b'", ' + json.dumps(await times_of(call)).encode().removeprefix(b"{")


async def _lines(call: SurfaceCall, first: bytes, blocks: Blocks) -> Blocks:
    async with aclosing(blocks):
        yield _line({**_audio(first), **UNTIMED})
        async for block in blocks:
            yield _line({**_audio(block), **UNTIMED})
    yield _line({**_audio(b""), **await times_of(call)})


def _audio(block: bytes) -> Json:
    return {"audio_base64": base64.b64encode(block).decode()}


def _line(data: Json) -> bytes:
    return json.dumps(data).encode() + b"\n"
