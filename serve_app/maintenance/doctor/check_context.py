"""What a check of the doctor looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from serve_app.db.engine import Database
from serve_app.db.models import Base
from serve_app.maintenance import recovery
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore

BATCH_SIZE = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be. `subject` names one row or object."""

    subject: str
    problem: str
    repair: Callable[[], bool] | None = None
    """Puts it right, where that is safe: it looks again first, and is False where it did nothing
    because the matter has changed."""


class ItemCounter:
    """How many rows and objects were looked at."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, count: int = 1) -> None:
        self.count += count


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The system that is looked at."""

    database: Database
    store: ObjectStore
    settings: Settings
    age_seconds: float
    """What was begun within this time may be work in flight, and is no finding."""
    deep: bool
    """Whether results are fetched and decoded."""
    examined: ItemCounter = field(default_factory=ItemCounter)

    def before(self) -> float:
        """Epoch seconds: what is older than this is no work in flight."""
        with self.database.reading() as session:
            return self.database.now(session) - self.age_seconds

    def is_made(self, clip_id: str) -> bool:
        """Whether a worker makes the clip, or held it when it was lost."""
        with self.database.reading() as session:
            return bool(recovery.leased_clips(session, {clip_id}))

    def count(self, table: type[Base]) -> None:
        """All rows of a table are looked at: by the database, which hands out what is wrong."""
        with self.database.reading() as session:
            self.examined.add(session.scalars(select(func.count()).select_from(table)).one())

    def rows(
        self, query: Select[*tuple[Any, ...]], order: InstrumentedAttribute[Any]
    ) -> Iterator[Any]:
        """The rows of a query in rising `order`, which is unique and comes first in each.

        They are read page by page, each in a transaction of its own, so that neither memory nor
        the age of a snapshot grows with the table.
        """
        page = query.order_by(order).limit(BATCH_SIZE)
        following = page
        while True:
            with self.database.reading() as session:
                rows = session.execute(following).all()
            yield from rows
            if len(rows) < BATCH_SIZE:
                return
            following = page.where(order > rows[-1][0])


Check = Callable[[CheckContext], Iterator[Finding]]
"""Looks at one matter. Raises StoreError, and SQLAlchemy's errors of the database."""
