"""Numbered events of a clip, kept in the database.

An event is one insert in the transaction that it describes. The numbers of a clip's events only
grow, so a reader resumes after the last number it has seen.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
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
    """The attempt failed; there will be another."""
    POSTPONED = "postponed"
    """The attempt ended through no fault of the clip, and does not count."""
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


END_OF = {
    ClipState.SUCCEEDED: Kind.FINISHED,
    ClipState.FAILED: Kind.FAILED,
    ClipState.CANCELLED: Kind.CANCELLED,
}
"""The last event of a clip, by its final state."""
ENDS = frozenset(END_OF.values())
_PASSING = (Kind.PROGRESS, Kind.AUDIO)
_OUTDATED: dict[Kind, tuple[Kind, ...]] = {
    Kind.PROGRESS: (Kind.PROGRESS,),
    Kind.AUDIO: (Kind.AUDIO,),
    **dict.fromkeys((*ENDS, Kind.RETRYING), _PASSING),
    Kind.POSTPONED: (*_PASSING, Kind.STARTED, Kind.POSTPONED),
}
"""The kinds of earlier events that an event of each kind replaces, so that a clip's events stay
bounded. A progress or audio event contains all that earlier ones did."""

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
"""Built once, and of tables: building the statement costs more than running it."""
_CLIP = bindparam("clip", type_=String)
_RECORD = (
    insert(_EVENTS)
    .values(
        clip_id=_CLIP,
        seq=select(func.coalesce(func.max(_EVENTS.c.seq), 0) + 1)
        .where(_EVENTS.c.clip_id == _CLIP)
        .scalar_subquery(),
        at=bindparam("now"),
        kind=bindparam("what"),
        data=bindparam("told"),
    )
    .returning(_EVENTS.c.seq)
)
_FORGET = delete(_EVENTS).where(
    _EVENTS.c.clip_id == _CLIP,
    _EVENTS.c.seq < bindparam("before"),
    _EVENTS.c.kind.in_(bindparam("kinds", expanding=True)),
)


def record(session: Session, clip_id: str, kind: Kind, data: dict[str, Any], now: float) -> int:
    """Records an event of a new or locked clip; returns its number."""
    told = {"clip": clip_id, "now": now, "what": kind, "told": data}
    session.flush()
    number = int(session.connection().execute(_RECORD, told).scalar_one())
    if kind in _OUTDATED:
        older = {"clip": clip_id, "before": number, "kinds": list(_OUTDATED[kind])}
        session.connection().execute(_FORGET, older)
    return number


def record_each(
    session: Session, kind: Kind, data: Mapping[str, dict[str, Any]], now: float
) -> dict[str, int]:
    """Records one event for each of several locked clips; returns the numbers by clip id. For kinds
    that replace nothing."""
    if not data:
        return {}
    each = {"ids": list(data), "now": now, "what": kind, "told": data}
    added = session.connection().execute(_RECORD_EACH, each)
    return {clip_id: number for clip_id, number in added}  # noqa: C416


def forget_passing(session: Session, clip_ids: Collection[str]) -> None:
    """Removes what an end replaces, for clips that have ended."""
    passing = and_(ClipEvent.clip_id.in_(clip_ids), ClipEvent.kind.in_(_PASSING))
    session.execute(delete(ClipEvent).where(passing))


def since(session: Session, clip_id: str, after: int) -> Sequence[ClipEvent]:
    """The events after number `after`, in order, up to `_PAGE_SIZE`."""
    query = select(ClipEvent).where(ClipEvent.clip_id == clip_id, ClipEvent.seq > after)
    return session.scalars(query.order_by(ClipEvent.seq).limit(_PAGE_SIZE)).all()
