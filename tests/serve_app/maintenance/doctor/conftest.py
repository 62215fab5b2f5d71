from __future__ import annotations

from collections.abc import Iterator

import pytest

from serve_app.db.engine import Database
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.maintenance.doctor.damaged_system import DamagedSystem, empty


@pytest.fixture
def damaged(api_settings: Settings, database: Database) -> Iterator[DamagedSystem]:
    """A bucket of its own, so that no object of another test is left over here."""
    settings = api_settings.model_copy(update={"s3_bucket": "damaged"})
    store = ObjectStore(settings)
    store.ensure_bucket()
    yield DamagedSystem(settings, database, store)
    empty(store)
