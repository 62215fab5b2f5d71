"""What the service does with batches that it cannot go on with; no thread runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from serve_app.bulk.service import _MAX_TROUBLES, BatchService
from serve_app.db.engine import Database
from serve_app.db.models import Batch
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.api_harness import Headers
from tests.serve_app.batches import LINES, Batches


@pytest.fixture
def batches(api_settings: Settings, sqlite_database: Database, api_store: ObjectStore) -> Batches:
    return Batches(api_settings, sqlite_database, api_store)


@pytest.fixture
def ada(batches: Batches) -> Headers:
    return batches.sign_up()


@pytest.fixture
def service(batches: Batches) -> Iterator[BatchService]:
    made = BatchService(batches.settings)
    yield made
    made._database.dispose()


def feed(service: BatchService) -> list[str]:
    """Feeds the oldest batch that may be; its id."""
    taken = service._take(1)
    for each in taken:
        service._feed(each)
    return [each.batch_id for each in taken]


def test_batch_in_trouble_rests_and_ends_and_others_go_on(
    batches: Batches, ada: Headers, service: BatchService, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = batches.manifest(ada, LINES[:2])
    bad, good = sorted(batches.post(ada, upload).json()["id"] for _ in range(2))

    def validated(_self: BatchService, _feeding: object, batch: Batch, _maker: object) -> bool:
        if batch.id == bad:
            raise ValueError("nobody expected it")
        return False

    monkeypatch.setattr(BatchService, "_validated", validated)
    assert feed(service) == [bad]
    assert feed(service) == [good], "the other rests"
    service._troubles[good] = type(service._troubles[bad])(0, float("inf"))
    for _ in range(_MAX_TROUBLES - 1):
        assert feed(service) == []
        assert batches.get(ada, bad).json()["state"] == "validating"
        service._troubles[bad].until -= 100
        assert feed(service) == [bad]
    found = batches.get(ada, bad).json()
    assert (found["state"], found["error"]["code"]) == ("refused", "internal_error")
    assert found["credits"]["held"] == 0
    assert batches.store.keys(f"batches/{bad}/") == []
    assert batches.findings() == []


def test_batch_expires_while_it_is_validated(
    batches: Batches, ada: Headers, service: BatchService
) -> None:
    batch = batches.post(ada, batches.manifest(ada, LINES), expires_in_seconds=60).json()["id"]
    with batches.database.transaction() as session:
        session.execute(update(Batch).values(expires_at=1.0))
    assert feed(service) == feed(service) == [batch]
    found = batches.get(ada, batch).json()
    assert (found["state"], found["error"]["code"]) == ("cancelled", "batch_expired")
    assert (found["lines"]["succeeded"], found["credits"]["held"]) == (0, 0)
