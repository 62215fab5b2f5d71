"""Audio that is streamed while the clip is generated.

A request for the stream of a pending clip marks its row. A worker that then begins to encode writes
the stream besides the file: the layout whose bytes never change. Small objects of it (pieces) go
into the store. Listeners pass the pieces on, and after success the rest of the clip's object, which
differs from the stream only at its start. The keys of pieces name the start of their attempt, so
attempts are never mixed.
"""

from __future__ import annotations

from sqlalchemy import not_, select, update
from sqlalchemy.orm import Session

from serve_app.db.models import PENDING, Clip

PREFIX = "streams/"


def pieces_prefix(clip_id: str, started: int) -> str:
    """The key prefix of the pieces of an attempt. `started` is the number of its `started`
    event."""
    return f"{PREFIX}{clip_id}/{started}/"


def piece_key(clip_id: str, started: int, number: int) -> str:
    """The key of a piece of an attempt, counted from 1."""
    return f"{pieces_prefix(clip_id, started)}{number}"


def request(session: Session, clip_id: str) -> None:
    """Requests the stream of a clip, if it is pending."""
    unasked = update(Clip).where(Clip.id == clip_id, PENDING, not_(Clip.streamed))
    session.execute(unasked.values(streamed=True))


def is_requested(session: Session, clip_id: str) -> bool:
    """Whether the stream of the clip was requested."""
    return bool(session.scalar(select(Clip.streamed).where(Clip.id == clip_id)))


class StreamBuffer:
    """Collects what is new of a stream."""

    def __init__(self) -> None:
        self._new = bytearray()

    def write(self, data: bytes) -> int:
        self._new += data
        return len(data)

    def take(self) -> bytes:
        """What was written since the last call."""
        taken = bytes(self._new)
        self._new.clear()
        return taken
