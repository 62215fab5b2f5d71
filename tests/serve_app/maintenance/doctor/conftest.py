from __future__ import annotations

from collections.abc import Iterator

import pytest

from serve_app.db.engine import Database
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.maintenance.doctor.damage import Clinic, empty


@pytest.fixture
def clinic(api_settings: Settings, database: Database) -> Iterator[Clinic]:
    """A bucket of its own, so that no object of another test belongs to nothing here."""
    settings = api_settings.model_copy(update={"s3_bucket": "clinic"})
    store = ObjectStore(settings)
    store.ensure_bucket()
    yield Clinic(settings, database, store)
    empty(store)
