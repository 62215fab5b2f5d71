"""The queue is bounded: a refused submission changes nothing."""

from __future__ import annotations

import pytest

from serve_app.db.engine import Database
from serve_app.errors import ApiError
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.actions import NOW, UNTHROTTLED, account, delete, make_user, must_claim, submit
from tests.serve_app.actions import succeed as finish
from tests.serve_app.api_harness import SENTENCE, Api, error_of

FEW = UNTHROTTLED.model_copy(update={"max_pending": 4, "max_pending_of_user": 3})


def refusal(database: Database, user_number: int) -> tuple[int, str]:
    user = make_user(database, f"late{user_number}")
    with pytest.raises(ApiError) as refused:
        submit(database, user, NOW, FEW)
    assert refused.value.retry_after
    assert account(database, user) == (10_000, 0)
    return refused.value.status, refused.value.code


def test_require_room_refuses_a_user_with_too_many_clips(database: Database) -> None:
    user = make_user(database)
    submitted = [submit(database, user, NOW, FEW) for _ in range(3)]
    with pytest.raises(ApiError) as refused:
        submit(database, user, NOW, FEW)
    assert (refused.value.status, refused.value.code) == (429, "too_many_clips")
    assert "3 clips" in refused.value.message
    assert account(database, user) == (10_000, 150)
    delete(database, submitted[2])
    assert finish(database, must_claim(database, NOW, FEW))
    for _ in range(2):
        submit(database, user, NOW, FEW)


def test_require_room_refuses_when_the_queue_is_full(database: Database) -> None:
    ada, bob = make_user(database), make_user(database, "bob")
    for user in (ada, ada, bob, bob):
        submit(database, user, NOW, FEW)
    assert refusal(database, 1) == (429, "queue_full")
    assert finish(database, must_claim(database, NOW, FEW))
    submit(database, bob, NOW, FEW)
    assert refusal(database, 2) == (429, "queue_full")


def test_full_queue_is_answered_429_with_retry_after(
    api_settings: Settings, sqlite_database: Database, api_store: ObjectStore
) -> None:
    settings = api_settings.model_copy(update={"max_pending_of_user": 1})
    api = Api(settings, sqlite_database, api_store)
    user = api.sign_up()
    body = {"text": SENTENCE, "voice": "af_heart"}
    key = {**user, "Idempotency-Key": "once"}
    assert api.client.post("/api/speech", headers=key, json=body).status_code == 202
    before = api.contents()
    refused = api.client.post("/api/speech", headers=user, json=body)
    assert error_of(refused, 429)["code"] == "too_many_clips"
    assert int(refused.headers["Retry-After"]) > 0
    assert api.contents() == before
    again = api.client.post("/api/speech", headers=key, json=body)
    assert again.status_code == 202, "a repeated request gives the clip that it gave before"
