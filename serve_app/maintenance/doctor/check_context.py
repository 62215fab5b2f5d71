"""What a check of the doctor works on, and what it returns."""

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
    """An inconsistency. `subject` names one row or object."""

    subject: str
    problem: str
    repair: Callable[[], bool] | None = None
    """Repairs it, where that is safe. It checks again first, and returns False where it did nothing
    because the state has changed."""


class ItemCounter:
    """Counts the rows and objects that were examined."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, count: int = 1) -> None:
        self.count += count


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The system to check, and how."""

    database: Database
    store: ObjectStore
    settings: Settings
    age_seconds: float
    """Anything begun within this time may be work in flight, and is no finding."""
    deep: bool
    """Whether results are fetched and decoded."""
    examined: ItemCounter = field(default_factory=ItemCounter)

    def before(self) -> float:
        """Epoch seconds: anything older is no work in flight."""
        with self.database.reading() as session:
            return self.database.now(session) - self.age_seconds

    def is_made(self, clip_id: str) -> bool:
        """Whether a worker makes the clip, or held it when it was lost."""
        with self.database.reading() as session:
            return bool(recovery.leased_clips(session, {clip_id}))

    def count(self, table: type[Base]) -> None:
        """Counts all rows of a table as examined, for a check whose query returns the wrong ones
        only."""
        with self.database.reading() as session:
            self.examined.add(session.scalars(select(func.count()).select_from(table)).one())

    def rows(
        self, query: Select[*tuple[Any, ...]], order: InstrumentedAttribute[Any]
    ) -> Iterator[Any]:
        """The rows of a query in rising `order`, which is unique and the first column.

        They are read in pages, each in a transaction of its own, so that neither memory nor the age
        of a snapshot grows with the table.
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
"""One check. Raises StoreError, and SQLAlchemy's errors of the database."""
