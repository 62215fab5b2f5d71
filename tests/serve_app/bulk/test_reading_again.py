"""A feeder whose store is away for a moment, in this process; nobody makes the clips."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest
from sqlalchemy import select

from serve_app.bulk.feeder import Feeder, Outcome
from serve_app.bulk.lines import LineMaker
from serve_app.db.engine import Database
from serve_app.db.models import Batch, Clip
from serve_app.media.batches import leases, records
from serve_app.media.batches.lines import Line
from serve_app.media.batches.manifest import ManifestLine
from serve_app.media.batches.records import NewBatch
from serve_app.settings import ServiceSettings, Settings
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import StoreUnavailable
from tests.serve_app.actions import NOW, make_user

LINES, ROUNDS = 30, 20


class Undelivered:
    """Nothing has ended yet."""

    def advance(self, _batch: Batch, _token: str) -> bool:
        return False

    def close(self, _batch: Batch, _now: float) -> None:
        raise AssertionError("no line has ended")


@pytest.mark.parametrize("away", ["manifest", "recording"])
def test_feeder_loses_no_line_where_the_store_is_away(
    sqlite_database: Database, api_settings: Settings, away: str
) -> None:
    """While line 14 of a chunk of 20 is read, or made."""
    troubles = iter([StoreUnavailable("It is away.")])

    def trouble(where: str, number: int) -> None:
        if (where, number) == (away, 14) and (error := next(troubles, None)) is not None:
            raise error

    def lines() -> Iterator[ManifestLine]:
        for number in range(1, LINES + 1):
            trouble("manifest", number)
            yield ManifestLine(number, str(number), {"text": f"Line {number}."})

    class Maker(LineMaker):
        def make(self, line: ManifestLine, batch_id: str) -> Line:
            trouble("recording", line.number)
            return super().make(line, batch_id)

    noop = {"speech": ServiceSettings(pipeline="noop"), "bulk_window": 20}
    settings = api_settings.model_copy(update=noop)
    user, stopping = make_user(sqlite_database), Event()
    maker = Maker(settings, sqlite_database, ObjectStore(settings), user, {"voice": "af_heart"})
    new = NewBatch("june", "lines.jsonl", "0" * 64, "s3://bernie/out/", {}, LINES, 1)
    with sqlite_database.transaction() as session:
        batch, _ = records.accept(session, user.id, new, settings, NOW)
        token = leases.take(session, batch.id, 1e9, NOW) or ""
    rounds = iter(range(ROUNDS))

    def report(found: Batch) -> None:
        if found.cursor == 20 or next(rounds, None) is None:
            stopping.set()

    feeder = Feeder(
        settings, sqlite_database, Undelivered(), maker, lines, batch, token, stopping, report
    )
    assert feeder.run() is Outcome.STOPPED
    assert next(troubles, None) is None, "the store was away"
    with sqlite_database.reading() as session:
        fed = session.scalars(select(Clip.line_no).order_by(Clip.line_no)).all()
    assert fed == list(range(1, 21))
