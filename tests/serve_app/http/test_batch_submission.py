"""A batch is accepted once, and keeps the manifest that it was accepted with."""

from __future__ import annotations

import pytest

from serve_app.accounts import users
from serve_app.db.engine import Database
from serve_app.http import batch_submission
from serve_app.http.app_state import AppState, GraphStatus
from serve_app.http.batch_submission import BatchRequest, submit
from serve_app.media.batches.manifest import Measure
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.api_harness import EMAIL
from tests.serve_app.batches import LINES, Batches


def test_equal_requests_at_once_are_one_batch_with_its_manifest(
    api_settings: Settings,
    sqlite_database: Database,
    api_store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches = Batches(api_settings, sqlite_database, api_store)
    upload = batches.manifest(batches.sign_up(), LINES)

    async def status() -> GraphStatus:
        return GraphStatus(ready=True)

    settings = batches.settings
    state = AppState(settings, sqlite_database, api_store, sqlite_database.now, status, metrics=str)
    with sqlite_database.reading() as session:
        user = users.by_email(session, EMAIL)
    asked = BatchRequest(upload, None, {"shape": "lines"}, key="june")
    overtaken: list[str] = []
    measured = batch_submission._measured

    def slowly(*arguments: object) -> Measure:
        found = measured(*arguments)  # type: ignore[arg-type]
        if not overtaken:
            overtaken.append("")
            overtaken[0] = submit(state, user, asked).manifest
        return found

    monkeypatch.setattr(batch_submission, "_measured", slowly)
    batch = submit(state, user, asked)
    assert [batch.manifest] == overtaken
    keys = api_store.keys(f"batches/{batch.id}/")
    assert [f"s3://{settings.s3_bucket}/{key}" for key in keys] == [batch.manifest]
