from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from serve_app.http.streaming import StreamedBlocks
from serve_app.http.surface_calls import SurfaceCall
from serve_app.routes.elevenlabs import timestamps

TIMES = {"alignment": {"characters": ["h", "i"]}, "normalized_alignment": None}


class Call:
    """A call whose audio comes in blocks."""

    formed = SurfaceCall.formed

    def __init__(self, *blocks: bytes) -> None:
        self.blocks = blocks
        self.taken = 0
        self.headers = {"request-id": "1"}

    async def begin(self) -> AsyncIterator[bytes]:
        return self._all()

    async def _all(self) -> AsyncIterator[bytes]:
        for block in self.blocks:
            self.taken += 1
            yield block


@pytest.mark.parametrize("sizes", [(1,), (1024, 1000, 7, 1, 3), (3000, 3000)])
def test_audio_and_times_are_sent_in_parts(
    sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def times_of(_call: Any) -> Any:
        return TIMES

    monkeypatch.setattr(timestamps, "times_of", times_of)
    call = Call(*(bytes([size % 251]) * size for size in sizes))

    async def answer() -> tuple[list[str], list[int]]:
        sent = await timestamps.whole(cast("SurfaceCall", call))
        assert isinstance(sent, StreamedBlocks)
        assert (sent.media_type, sent.headers["request-id"]) == ("application/json", "1")
        parts, taken = [], []
        async for part in sent.body_iterator:
            parts.append(bytes(part).decode())  # type: ignore[arg-type]
            taken.append(call.taken)
        return parts, taken

    parts, taken = asyncio.run(answer())
    body = json.loads("".join(parts))
    assert base64.b64decode(body.pop("audio_base64"), validate=True) == b"".join(call.blocks)
    assert body == TIMES
    assert taken[0] == 1, "the answer begins before the rest of the audio is read"
