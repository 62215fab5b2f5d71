"""What happened to a clip, in numbered events that outlast every process.

Each is one insert, within the transaction that it tells of. The numbers of a clip only grow, so
that a reader goes on after the last one it has seen.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import JSON, Float, String, Table, and_, bindparam, delete, func, insert, select
from sqlalchemy.orm import Session

from serve_app.db.json_values import value_of
from serve_app.db.models import Clip, ClipEvent, ClipState

_PAGE_SIZE = 500


class Kind(enum.StrEnum):
    QUEUED = "queued"
    STARTED = "started"
    PROGRESS = "progress"
    AUDIO = "audio"
    RETRYING = "retrying"
    """The try failed; there will be another."""
    POSTPONED = "postponed"
    """The try ended through no fault of the clip, and does not count."""
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


END_OF = {
    ClipState.SUCCEEDED: Kind.FINISHED,
    ClipState.FAILED: Kind.FAILED,
    ClipState.CANCELLED: Kind.CANCELLED,
}
"""The last event of a clip in each state but pending."""
ENDS = frozenset(END_OF.values())
_PASSING = (Kind.PROGRESS, Kind.AUDIO)
_OUTDATED: dict[Kind, tuple[Kind, ...]] = {
    Kind.PROGRESS: (Kind.PROGRESS,),
    Kind.AUDIO: (Kind.AUDIO,),
    **dict.fromkeys((*ENDS, Kind.RETRYING), _PASSING),
    Kind.POSTPONED: (*_PASSING, Kind.STARTED, Kind.POSTPONED),
}
"""What is dropped when an event is recorded, so that no clip gathers events without end. Progress
and audio tell all that the ones before them did."""

_CLIPS, _EVENTS = cast(Table, Clip.__table__).c, cast(Table, ClipEvent.__table__)
_RECORD_EACH = (
    insert(_EVENTS)
    .from_select(
        ["clip_id", "seq", "at", "kind", "data"],
        select(
            _CLIPS.id,
            select(func.coalesce(func.max(_EVENTS.c.seq), 0) + 1)
            .where(_EVENTS.c.clip_id == _CLIPS.id)
            .correlate(Clip.__table__)
            .scalar_subquery(),
            bindparam("now", type_=Float),
            bindparam("what", type_=String),
            value_of(bindparam("told", type_=JSON), _CLIPS.id),
        ).where(_CLIPS.id.in_(bindparam("ids", expanding=True))),
    )
    .returning(_EVENTS.c.clip_id, _EVENTS.c.seq)
)
"""Made once, and of tables: else making it costs more than the database takes to run it."""


def record(session: Session, clip_id: str, kind: Kind, data: dict[str, Any], now: float) -> int:
    """The number of the new event. The clip is new or locked, so that no number is given twice."""
    following = (
        select(func.coalesce(func.max(ClipEvent.seq), 0) + 1)
        .where(ClipEvent.clip_id == clip_id)
        .scalar_subquery()
    )
    event = insert(ClipEvent).values(clip_id=clip_id, seq=following, at=now, kind=kind, data=data)
    number = int(session.scalars(event.returning(ClipEvent.seq)).one())
    if kind in _OUTDATED:
        older = and_(ClipEvent.clip_id == clip_id, ClipEvent.seq < number)
        session.execute(delete(ClipEvent).where(older, ClipEvent.kind.in_(_OUTDATED[kind])))
    return number


def record_each(
    session: Session, kind: Kind, data: Mapping[str, dict[str, Any]], now: float
) -> dict[str, int]:
    """The same for several locked clips at once, by their ids: the numbers of their new events. For
    kinds that outdate nothing."""
    if not data:
        return {}
    each = {"ids": list(data), "now": now, "what": kind, "told": data}
    added = session.connection().execute(_RECORD_EACH, each)
    return {clip_id: number for clip_id, number in added}  # noqa: C416


def since(session: Session, clip_id: str, after: int) -> Sequence[ClipEvent]:
    """The next events after number `after`, in order; a few hundred at most."""
    query = select(ClipEvent).where(ClipEvent.clip_id == clip_id, ClipEvent.seq > after)
    return session.scalars(query.order_by(ClipEvent.seq).limit(_PAGE_SIZE)).all()
