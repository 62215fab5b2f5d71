from __future__ import annotations

import secrets

import pytest

from serve_app.db.engine import Database
from serve_app.settings import Settings
from serve_app.store import ObjectStore
from tests.serve_app.doctor.clinic import Clinic


@pytest.fixture
def clinic(api_settings: Settings, database: Database) -> Clinic:
    """A bucket of its own, so that no object of another test belongs to nothing here."""
    settings = api_settings.model_copy(update={"s3_bucket": f"clinic-{secrets.token_hex(4)}"})
    store = ObjectStore(settings)
    store.ensure_bucket()
    return Clinic(settings, database, store)
