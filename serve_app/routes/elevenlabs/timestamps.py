"""Speech with the times of its characters: in one object, or in a stream of them, one a line."""

from __future__ import annotations

import base64
import json
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Response

from serve_app.http.streaming import Blocks
from serve_app.http.surface_calls import SurfaceCall
from serve_app.routes.elevenlabs.audio_requests import Asked
from serve_app.routes.elevenlabs.speech import SpeechBody, speech_call
from serve_app.routes.elevenlabs.times import UNTIMED, times_of

router = APIRouter(prefix="/v1/text-to-speech")

Json = dict[str, Any]


@router.post("/{voice_id}/with-timestamps")
async def convert(voice_id: str, body: SpeechBody, asked: Asked) -> Response:
    """The whole file and its times."""
    return await whole(await speech_call(voice_id, body, asked, live=False))


@router.post("/{voice_id}/stream/with-timestamps")
async def stream(voice_id: str, body: SpeechBody, asked: Asked) -> Response:
    """The audio while it is made. Its times come with the last object."""
    return await by_lines(await speech_call(voice_id, body, asked, live=True))


async def whole(call: SurfaceCall) -> Response:
    """One object, which is sent in parts: no whole file is in memory."""
    return await call.formed(_parts, "application/json")


async def by_lines(call: SurfaceCall) -> Response:
    return await call.formed(_lines, "application/x-ndjson")


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
