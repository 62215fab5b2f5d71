from __future__ import annotations

from collections.abc import Iterator

import pytest

from serve_app.db.engine import Database
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.maintenance.doctor.damaged_system import DamagedSystem, empty


@pytest.fixture(scope="session")
def damaged_store(api_settings: Settings) -> ObjectStore:
    """A bucket of its own, so that no object of another test is left over here."""
    store = ObjectStore(api_settings.model_copy(update={"s3_bucket": "damaged"}))
    store.ensure_bucket()
    return store


@pytest.fixture
def damaged(
    api_settings: Settings, database: Database, damaged_store: ObjectStore
) -> Iterator[DamagedSystem]:
    settings = api_settings.model_copy(update={"s3_bucket": "damaged"})
    yield DamagedSystem(settings, database, damaged_store)
    empty(damaged_store)
