"""Audio that is listened to while it is made.

Who asks for a clip that is pending marks its row. A worker that then starts to encode writes its
stream too, the layout whose bytes never change, and puts what is ready of that into the store as
small objects. Those who listen send the pieces on, and after the clip's success the rest of its
object from there: only the start of the two differs. Pieces are named after the start of their try,
so that no two tries are ever mixed.
"""

from __future__ import annotations

from sqlalchemy import not_, select, update
from sqlalchemy.orm import Session

from serve_app.db.models import PENDING, Clip

PREFIX = "streams/"


def pieces_prefix(clip_id: str, started: int) -> str:
    """Where the pieces of a try lie. `started` is the number of the event of its start."""
    return f"{PREFIX}{clip_id}/{started}/"


def piece_key(clip_id: str, started: int, number: int) -> str:
    """Of the pieces of a try, counted from 1."""
    return f"{pieces_prefix(clip_id, started)}{number}"


def request(session: Session, clip_id: str) -> None:
    """Have the clip made in such a way that it can be listened to meanwhile, if it is pending."""
    unasked = update(Clip).where(Clip.id == clip_id, PENDING, not_(Clip.streamed))
    session.execute(unasked.values(streamed=True))


def is_requested(session: Session, clip_id: str) -> bool:
    """As the row is now."""
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
