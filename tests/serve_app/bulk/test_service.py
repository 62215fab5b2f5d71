"""Batches over HTTP, fed by the service, over a real database and store."""

from __future__ import annotations

import json

import httpx
import pytest
from sqlalchemy import update

from serve_app.api import set_settings
from serve_app.db.engine import Database
from serve_app.db.models import Batch, BatchState
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.api_harness import Headers, error_of
from tests.serve_app.batches import AUDIO, LINES, Batches
from tests.serve_app.recordings import announce, send
from tests.waiting import until

PRICE = 50


@pytest.fixture
def batches(api_settings: Settings, postgres_database: Database, api_store: ObjectStore) -> Batches:
    return Batches(api_settings, postgres_database, api_store)


@pytest.fixture
def ada(batches: Batches) -> Headers:
    return batches.sign_up()


def balance(batches: Batches, headers: Headers) -> tuple[int, int]:
    found = batches.client.get("/api/me", headers=headers).json()
    return found["credits"], found["held"]


def test_batch_is_made_to_its_end_and_tells_of_every_line(batches: Batches, ada: Headers) -> None:
    upload = batches.manifest(ada, LINES)
    made = batches.post(ada, upload, key="june", title="June")
    assert made.status_code == 202, made.text
    batch = made.json()
    assert made.headers["Location"] == f"/api/batches/{batch['id']}"
    assert (batch["state"], batch["title"], batch["lines"]["waiting"]) == ("validating", "June", 30)
    assert balance(batches, ada) == (10_000, 30 * PRICE)
    again = batches.post(ada, upload, key="june", title="June")
    assert again.json()["id"] == batch["id"]
    error_of(batches.post(ada, batches.manifest(ada, LINES[:9]), key="june", title="June"), 409)
    assert len(batches.store.keys(f"batches/{batch['id']}/")) == 1, "copies are cleared away"

    with batches.feeding():
        ended = batches.to_end(ada, batch["id"], bad="line-7")
    assert (ended["state"], ended["settled"]) == ("finished", 30)
    assert ended["lines"] == {
        "total": 30,
        "waiting": 0,
        "pending": 0,
        "succeeded": 29,
        "failed": 1,
        "cancelled": 0,
    }
    assert ended["credits"] == {"price": 1_500, "held": 0, "charged": 1_450, "released": 50}
    assert balance(batches, ada) == (10_000 - 29 * PRICE, 0)
    results = batches.lines(ada, batch["id"], "/results")
    assert [each["id"] for each in results] == [each["id"] for each in LINES]
    assert httpx.get(results[0]["url"]).content == AUDIO
    some = batches.lines(ada, batch["id"], "/results", after=3, limit=2)
    assert [each["line"] for each in some] == [4, 5]
    failed = batches.lines(ada, batch["id"], "/errors")
    assert [(each["line"], each["error"]["code"]) for each in failed] == [(7, "broken")]
    events = batches.get(ada, batch["id"], "/events").text
    assert json.loads(events.split("data: ")[-1])["state"] == "finished"
    assert batches.findings() == []
    assert batches.store.keys(f"batches/{batch['id']}/") == []
    listed = batches.client.get("/api/batches", headers=ada).json()["items"]
    assert [each["id"] for each in listed] == [batch["id"]]


def test_invalid_lines_refuse_the_batch_unless_they_are_skipped(
    batches: Batches, ada: Headers
) -> None:
    upload = batches.manifest(ada, [*LINES[:5], {"id": "bad", "text": "x", "speed": 9}])
    refused = batches.post(ada, upload).json()["id"]
    skipping = batches.post(ada, upload, skip_invalid=True).json()["id"]
    with batches.feeding():
        assert batches.to_end(ada, skipping)["lines"]["failed"] == 1
        found = batches.to_end(ada, refused)
    assert (found["state"], found["error"]["code"]) == ("refused", "invalid_manifest")
    assert found["credits"]["released"] == 6 * PRICE
    assert [each["line"] for each in batches.lines(ada, skipping, "/results")] == [1, 2, 3, 4, 5, 6]
    for part in ("/errors", "/results"):
        (line,) = batches.lines(ada, refused, part)
        assert (line["line"], line["error"]["field"]) == (6, "speed")
    assert balance(batches, ada) == (10_000 - 5 * PRICE, 0)
    assert batches.findings() == []


def test_batch_that_cannot_be_paid_is_402_unless_a_part_will_do(
    batches: Batches, ada: Headers
) -> None:
    lines = [{"text": f"Line {at}."} for at in range(250)]
    upload = batches.manifest(ada, lines)
    before = batches.contents()
    error = error_of(batches.post(ada, upload), 402)
    assert (error["code"], "12500" in error["message"]) == ("not_enough_credits", True)
    assert batches.contents() == before
    batch = batches.post(ada, upload, partial=True).json()
    assert batch["lines"]["total"] == 200
    assert balance(batches, ada) == (10_000, 10_000)
    error_of(batches.post(ada, upload, partial=True), 402)


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"", "application/x-ndjson", "empty_manifest"),
        (b"plain", "application/gzip", "not_gzip"),
        (b"{}\n" * 101, "application/x-ndjson", "too_many_lines"),
        (b"id,text\n" + b"a,b\n" * 101, "text/csv", "too_many_lines"),
        (b"x" * 5_000, "application/x-ndjson", "manifest_too_large"),
        (b"{}", "audio/wav", "invalid_input"),
    ],
)
def test_manifest_that_is_none_is_422_and_leaves_nothing(
    api_settings: Settings,
    sqlite_database: Database,
    api_store: ObjectStore,
    content: bytes,
    kind: str,
    code: str,
) -> None:
    small = api_settings.model_copy(update={"max_batch_lines": 100, "max_manifest_bytes": 6_000})
    batches = Batches(small, sqlite_database, api_store)
    ada = batches.sign_up()
    if content:
        upload = send(batches, ada, content, kind)
    else:
        upload = announce(batches, ada, 1, kind)
        code = "manifest_missing"
    if code == "manifest_too_large":
        batches.settings = small.model_copy(update={"max_manifest_bytes": 4_000})
        set_settings(batches.app, batches.settings)
    before = batches.contents()
    assert error_of(batches.post(ada, upload["id"]), 422)["code"] == code
    assert batches.contents() == before


def test_fields_of_a_batch_are_checked(batches: Batches, ada: Headers) -> None:
    upload = batches.manifest(ada, LINES)
    for body, field in [
        ({"defaults": {"voise": "af_heart"}}, "defaults"),
        ({"defaults": {"service": "song"}}, "defaults.service"),
        ({"expires_in_seconds": 5}, "expires_in_seconds"),
        ({"format": "xml"}, "format"),
    ]:
        assert error_of(batches.post(ada, upload, **body), 422)["field"] == field
    for _ in range(batches.settings.max_batches_of_user):
        assert batches.post(ada, upload).status_code == 202
    assert error_of(batches.post(ada, upload), 429)["code"] == "too_many_batches"


def test_cancelled_and_expired_batches_end_with_what_was_made(
    batches: Batches, ada: Headers
) -> None:
    upload = batches.manifest(ada, LINES)
    cancelled = batches.post(ada, upload).json()["id"]
    expiring = batches.post(ada, upload, expires_in_seconds=60).json()["id"]
    with batches.feeding():
        until(lambda: batches.work(), 30, "lines are made")
        answer = batches.client.delete(f"/api/batches/{cancelled}", headers=ada)
        assert (answer.status_code, answer.json()["lines"]["waiting"]) == (202, 0)
        with batches.database.transaction() as session:
            past = update(Batch).where(Batch.id == expiring).values(expires_at=1.0)
            session.execute(past)
        found = [batches.to_end(ada, each) for each in (cancelled, expiring)]
    assert [each["state"] for each in found] == ["cancelled", "cancelled"]
    assert [(each["error"] or {}).get("code") for each in found] == [None, "batch_expired"]
    charged = sum(each["credits"]["charged"] for each in found)
    assert charged == PRICE * sum(each["lines"]["succeeded"] for each in found) > 0
    assert balance(batches, ada) == (10_000 - charged, 0)
    assert batches.findings() == []


def test_what_one_service_leaves_another_goes_on_with(batches: Batches, ada: Headers) -> None:
    batch = batches.post(ada, batches.manifest(ada, LINES)).json()["id"]
    with batches.feeding():
        until(lambda: batches.work(), 30, "lines are made")
    assert batches.states() == [BatchState.RUNNING]
    with batches.feeding(), batches.feeding():
        assert batches.to_end(ada, batch)["lines"]["succeeded"] == 30
    assert balance(batches, ada) == (10_000 - 30 * PRICE, 0)


def test_manifest_that_vanishes_ends_the_batch(batches: Batches, ada: Headers) -> None:
    batch = batches.post(ada, batches.manifest(ada, LINES)).json()["id"]
    batches.store.delete_all(f"batches/{batch}/")
    with batches.feeding():
        found = batches.to_end(ada, batch)
    assert (found["state"], found["error"]["code"]) == ("refused", "manifest_missing")
    assert balance(batches, ada) == (10_000, 0)
