"""When the words of a clip are said: kept small, and read back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipelines.protocol import Word
from serve_app.db.models import ClipWords


def record(session: Session, clip_id: str, words: Sequence[Word]) -> None:
    """Sets the words of a locked clip, in place of those of an earlier attempt. Of a model that
    does not know them, there are none."""
    if words:
        session.merge(ClipWords(clip_id=clip_id, packed=pack(words)))


def find(session: Session, clip_id: str) -> tuple[Word, ...]:
    """The words of a clip in order, where they are known."""
    packed = session.scalar(select(ClipWords.packed).where(ClipWords.clip_id == clip_id))
    return unpack(packed) if packed is not None else ()


def pack(words: Sequence[Word]) -> bytes:
    """Compressed JSON: about 12 bytes a word. Times are in milliseconds."""
    rows = [
        [word.begin, word.end, word.said, round(1000 * word.start), round(1000 * word.stop)]
        for word in words
    ]
    return zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), 9)


def unpack(packed: bytes) -> tuple[Word, ...]:
    rows = json.loads(zlib.decompress(packed))
    return tuple(
        Word(begin, end, said, start / 1000, stop / 1000) for begin, end, said, start, stop in rows
    )
