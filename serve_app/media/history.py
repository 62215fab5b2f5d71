"""The clips of a user that succeeded, by what they are."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from serve_app.db.models import Clip
from serve_app.media import clips


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which clips. Times are epoch seconds."""

    voice: str | None = None
    service: str | None = None
    search: str | None = None
    since: float | None = None
    until: float | None = None
    newest_first: bool = True


def page(
    session: Session, user_id: str, wanted: Wanted, limit: int, after: str | None = None
) -> list[Clip]:
    """At most `limit` clips, those behind the one with the id `after` in their order. Raises
    ApiError 404 `clip_not_found` where there is none."""
    query = select(Clip).where(
        Clip.user_id == user_id, Clip.deleted_at.is_(None), Clip.s3_key.is_not(None)
    )
    if wanted.voice is not None:
        query = query.where(Clip.voice == wanted.voice)
    if wanted.service is not None:
        query = query.where(Clip.service == wanted.service)
    if wanted.search is not None:
        query = query.where(Clip.text.icontains(wanted.search, autoescape=True))
    if wanted.since is not None:
        query = query.where(Clip.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Clip.created_at < wanted.until)
    place = tuple_(Clip.created_at, Clip.id)
    if after is not None:
        last = clips.get(session, user_id, after)
        here = tuple_(last.created_at, last.id)
        query = query.where(place < here if wanted.newest_first else place > here)
    order = (Clip.created_at, Clip.id)
    if wanted.newest_first:
        return list(session.scalars(query.order_by(*(each.desc() for each in order)).limit(limit)))
    return list(session.scalars(query.order_by(*order).limit(limit)))


def charged(session: Session, user_id: str, since: float, until: float) -> list[tuple[int, int]]:
    """The credits that were charged on each day (UTC) from `since` to `until`: pairs of the day's
    start in epoch seconds and the credits, without days of none."""
    day = func.floor(Clip.finished_at / 86_400)
    query = (
        select(day, func.sum(Clip.credits))
        .where(
            Clip.user_id == user_id,
            Clip.s3_key.is_not(None),
            Clip.finished_at >= since,
            Clip.finished_at < until,
        )
        .group_by(day)
        .order_by(day)
    )
    return [(int(number) * 86_400, int(total)) for number, total in session.execute(query)]
