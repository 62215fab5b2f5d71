"""The times of the characters of a text, in the shape of the interface."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from pipelines.protocol import Word
from serve_app.db.models import ClipState
from serve_app.http.surface_calls import SurfaceCall
from serve_app.media import alignment, clips, word_times
from serve_app.media.alignment import Alignment

Json = dict[str, Any]
UNTIMED: Json = {"alignment": None, "normalized_alignment": None}


def times(text: str, words: Sequence[Word]) -> Json:
    """Of a text as it is written and as it is said. Both are null without words."""
    if not words:
        return UNTIMED
    return {
        "alignment": _seconds(alignment.of_text(text, words)),
        "normalized_alignment": _seconds(alignment.of_said(words)),
    }


async def times_of(call: SurfaceCall) -> Json:
    """The times of the clip of a call whose audio was sent. They are there when it has ended, which
    may be a moment later."""

    def find() -> tuple[bool, Json]:
        with call.state.database.reading() as session:
            clip = clips.get(session, call.user.id, call.clip_id)
            found = times(call.text, word_times.find(session, call.clip_id))
        return clip.state is ClipState.PENDING and found is UNTIMED, found

    while True:
        waits, found = await call.state.work.reads.run(call.user.id, find)
        if not waits:
            return found
        await asyncio.sleep(call.state.settings.poll_seconds)


def chunk_times(found: Json) -> Json:
    """The same as the messages of a WebSocket have them: in milliseconds."""
    return {
        "alignment": _milliseconds(found["alignment"]),
        "normalizedAlignment": _milliseconds(found["normalized_alignment"]),
    }


def _milliseconds(found: Json | None) -> Json | None:
    if found is None:
        return None
    starts = [round(1000 * start) for start in found["character_start_times_seconds"]]
    ends = [round(1000 * end) for end in found["character_end_times_seconds"]]
    end = max(ends, default=0)
    durations = [end - start for start, end in zip(starts, ends, strict=True)]
    # A space ends the last word: without it, clients take the next piece for its rest.
    return {
        "chars": [*found["characters"], " "],
        "charStartTimesMs": [*starts, end],
        "charDurationsMs": [*durations, 0],
    }


def _seconds(found: Alignment) -> Json:
    return {
        "characters": found.characters,
        "character_start_times_seconds": found.starts,
        "character_end_times_seconds": found.ends,
    }
