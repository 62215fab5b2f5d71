"""Batches in OpenAI's shape, before anything feeds them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx
import pytest
from starlette.datastructures import UploadFile

from serve_app.db.engine import Database
from serve_app.media.batches import manifest
from serve_app.media.batches.manifest import Measure
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.api_harness import Headers, error_of
from tests.serve_app.batches import Batches

LINE = {
    "custom_id": "a",
    "method": "POST",
    "url": "/v1/audio/speech",
    "body": {"model": "tts-1", "input": "One.", "voice": "alloy"},
}


@pytest.fixture
def batches(api_settings: Settings, sqlite_database: Database, api_store: ObjectStore) -> Batches:
    return Batches(api_settings, sqlite_database, api_store)


@pytest.fixture
def ada(batches: Batches) -> Headers:
    return batches.sign_up()


def create(batches: Batches, headers: Headers, upload: str, **fields: Any) -> httpx.Response:
    asked = {
        "input_file_id": f"file-{upload}",
        "endpoint": "/v1/audio/speech",
        "completion_window": "24h",
        **fields,
    }
    # json writes half of a surrogate pair, which httpx itself refuses.
    return batches.client.post(
        "/v1/batches",
        headers={**headers, "content-type": "application/json"},
        content=json.dumps(asked),
    )


def test_metadata_that_cannot_be_shown_is_refused(batches: Batches, ada: Headers) -> None:
    upload = batches.manifest(ada, [LINE])
    for metadata in ({"a": "\ud800"}, {"\ud800": "a"}, {"a": "\0"}):
        assert error_of(create(batches, ada, upload, metadata=metadata), 400)
    assert batches.client.get("/v1/batches", headers=ada).json()["data"] == []


def test_file_is_read_by_the_thread_that_keeps_it(
    batches: Batches, ada: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In front of the bulkhead a crowd's files would all be in memory at once."""
    monkeypatch.delattr(UploadFile, "read")
    content, before = json.dumps(LINE).encode(), int(time.time())
    sent = batches.client.post(
        "/v1/files", headers=ada, data={"purpose": "batch"}, files={"file": ("a.jsonl", content)}
    )
    assert (sent.status_code, sent.json()["bytes"]) == (200, len(content)), sent.text
    assert sent.json()["created_at"] >= before
    path = f"/v1/files/{sent.json()['id']}/content"
    assert batches.client.get(path, headers=ada).content == content


def test_repeated_request_gets_the_batch_of_the_first(batches: Batches, ada: Headers) -> None:
    upload, again = batches.manifest(ada, [LINE]), {**ada, "x-stainless-retry-count": "1"}
    first = create(batches, ada, upload, metadata={"month": "June"}).json()["id"]
    assert create(batches, again, upload, metadata={"month": "June"}).json()["id"] == first
    found = [first]
    for headers, month, later in ((again, "July", 0), (ada, "June", 0), (again, "June", 1_000)):
        batches.now += later
        made = create(batches, headers, upload, metadata={"month": month})
        assert made.json()["id"] not in found, made.text
        found.append(made.json()["id"])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "overtaken"])
def test_repetition_beside_the_first_request_gets_the_same_batch(
    batches: Batches, ada: Headers, monkeypatch: pytest.MonkeyPatch, order: tuple[int, int]
) -> None:
    """Its client has given the first up, which is under way still. Both are held up before they
    are accepted, which then happens in this order."""
    upload, again = batches.manifest(ada, [LINE]), {**ada, "x-stainless-retry-count": "1"}
    arrived, go_on, numbers = (Event(), Event()), (Event(), Event()), iter(range(2))
    measure = manifest.measure

    def held_up(*given: Any) -> Measure:
        number = next(numbers)
        arrived[number].set()
        assert go_on[number].wait(60)
        return measure(*given)

    monkeypatch.setattr(manifest, "measure", held_up)
    copies = set(batches.store.keys("batches/"))
    with ThreadPoolExecutor(2) as threads:
        requests = []
        for headers, here in zip((ada, again), arrived, strict=True):
            batches.now += 1
            requests.append(threads.submit(create, batches, headers, upload))
            assert here.wait(60)
        for number in order:
            batches.now += 1
            go_on[number].set()
            assert requests[number].result(60).status_code == 200
    assert len({each.result().json()["id"] for each in requests}) == 1
    assert len(batches.states()) == 1
    assert len(set(batches.store.keys("batches/")) - copies) == 1, "one manifest is kept"
