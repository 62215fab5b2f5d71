"""Uploads over the API, with a real store behind the links."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from itertools import islice
from threading import Event
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from pipelines.audio.recording import Recording
from pipelines.protocol import InvalidInput
from serve_app.db.models import Clip, RecordingUpload
from serve_app.errors import ApiError
from serve_app.http import work
from serve_app.media import clips, uploads
from serve_app.media.removals import Removals
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing
from tests.serve_app.api_harness import Api, Headers, error_of
from tests.serve_app.recordings import announce, send, speech, spoken, tone, wav

DAY = 24 * 3600.0


def row(api: Api, upload_id: str) -> RecordingUpload:
    with api.database.reading() as session:
        return session.get_one(RecordingUpload, upload_id)


def inspect(api: Api, upload: dict[str, Any]) -> float:
    return uploads.inspect(api.database, api.store, api.settings, row(api, upload["id"]))


def refusal(api: Api, upload: dict[str, Any]) -> str:
    with pytest.raises(InvalidInput) as caught:
        inspect(api, upload)
    assert caught.value.field == "upload"
    assert row(api, upload["id"]).seconds is None
    return caught.value.code


def convert(api: Api, headers: Headers, key: str) -> Clip:
    """A pending clip with an upload for its source."""
    user_id = api.client.get("/api/me", headers=headers).json()["id"]
    options = {"format": "wav", "sample_rate": None, "seed": 1}
    new = clips.NewClip("seedvc", None, "me", key, options, 50)
    with api.database.transaction() as session:
        return clips.submit(session, user_id, new, api.settings, api.now)[0]


def cancel(api: Api, clip: Clip) -> None:
    with api.database.transaction() as session:
        clips.delete(session, clip.user_id, clip.id, api.settings, api.now)


def sweep(api: Api) -> None:
    """As the worker does, at the time of the test."""
    removals = Removals()
    uploads.remove_deleted(api.database, api.store, lambda _session: api.now, removals)
    uploads.sweep(api.database, api.store, api.settings, lambda _session: api.now, removals)


def put(url: str, data: bytes, content_type: str = "audio/wav") -> int:
    return httpx.put(url, content=data, headers={"Content-Type": content_type}).status_code


# Making one


def test_upload_is_created_sent_and_inspected(api: Api) -> None:
    headers = api.sign_up()
    upload = announce(api, headers, len(speech()), "audio/flac")
    url = upload.pop("url")
    assert upload == {
        "id": upload["id"],
        "key": f"seed-vc-audio-uploads/{upload['id']}.flac",
        "method": "PUT",
        "headers": {"Content-Type": "audio/flac"},
        "expires_at": "2027-01-15T09:00:00Z",
    }
    assert refusal(api, upload) == "recording_missing"
    assert put(url, speech(), "audio/flac") == 200
    assert inspect(api, upload) == pytest.approx(3.475, abs=0.01)
    shown = api.client.get(f"/api/uploads/{upload['id']}", headers=headers).json()
    assert shown == {
        "id": upload["id"],
        "key": upload["key"],
        "content_type": "audio/flac",
        "bytes": len(speech()),
        "seconds": row(api, upload["id"]).seconds,
        "created_at": "2027-01-15T08:00:00Z",
    }


def test_inspect_reads_the_length_once(sqlite_api: Api) -> None:
    upload = send(sqlite_api, sqlite_api.sign_up(), speech())
    seconds = inspect(sqlite_api, upload)
    sqlite_api.store.delete(upload["key"])
    assert inspect(sqlite_api, upload) == seconds


@pytest.mark.parametrize(
    ("content_type", "extension"),
    [
        ("audio/wav", "wav"),
        ("Audio/X-WAV", "wav"),
        ("audio/mpeg", "mp3"),
        ("audio/ogg; codecs=opus", "ogg"),
        ("audio/x-flac", "flac"),
        ("audio/webm;codecs=opus", "webm"),
        ("audio/mp4", "m4a"),
        ("video/3gpp", "3gp"),
    ],
)
def test_create_accepts_content_types_in_all_spellings(
    sqlite_api: Api, content_type: str, extension: str
) -> None:
    upload = send(sqlite_api, sqlite_api.sign_up(), b"abc", content_type)
    assert upload["key"].endswith(f".{extension}")
    assert sqlite_api.store.head(upload["key"]).content_type == upload["headers"]["Content-Type"]


BAD_REQUESTS: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"content_type": "text/html"},
        "content_type",
        "invalid_input",
        "audio/wav, audio/mpeg",
    ),
    ({"content_type": ""}, "content_type", "invalid_input", "1 to 100 characters"),
    ({"content_type": "audio/wav\r\nX: y"}, "content_type", "invalid_input", "audio/wav"),
    ({"content_type": "audio/x-ms-wma"}, "content_type", "unsupported_audio", "audio/mp4"),
    ({"content_type": 1}, "content_type", "invalid_input", "must be a string"),
    ({"bytes": 0}, "bytes", "invalid_input", "between 1 and 52428800"),
    ({"bytes": -1}, "bytes", "invalid_input", "between 1 and 52428800"),
    ({"bytes": 52_428_801}, "bytes", "invalid_input", "between 1 and 52428800"),
    ({"bytes": 10**400}, "bytes", "invalid_input", "between 1 and 52428800"),
    ({"bytes": 1.5}, "bytes", "invalid_input", "whole number"),
    ({"bytes": "9"}, "bytes", "invalid_input", "whole number"),
    ({"key": "styletts2-output/x.wav"}, "key", "invalid_input", "not a known field"),
]


def test_create_upload_names_the_invalid_field_and_stores_nothing(api: Api) -> None:
    headers = api.sign_up()
    before = api.contents()
    for wrong, field, code, says in BAD_REQUESTS:
        request = {"content_type": "audio/wav", "bytes": 10, **wrong}
        answer = api.client.post("/api/uploads", headers=headers, json=request)
        error = error_of(answer, 422)
        assert (error["field"], error["code"]) == (field, code), wrong
        assert says in error["message"], wrong
    assert api.contents() == before


def test_create_accepts_the_largest_upload(sqlite_api: Api) -> None:
    announce(sqlite_api, sqlite_api.sign_up(), sqlite_api.settings.max_upload_bytes, "audio/wav")


# What the store enforces of a link, and what it does not


def test_create_refuses_too_many_uploads(api: Api) -> None:
    settings = api.settings.model_copy(update={"max_uploads": 2})
    limited = Api(settings, api.database, api.store)
    headers = limited.sign_up()
    first, _ = (announce(limited, headers, 100, "audio/wav") for _ in range(2))
    body = {"content_type": "audio/wav", "bytes": 100}

    def refused() -> str:
        answer = limited.client.post("/api/uploads", headers=headers, json=body)
        return str(error_of(answer, 409)["code"])

    assert refused() == "too_many_uploads"
    limited.client.delete(f"/api/uploads/{first['id']}", headers=headers)
    assert refused() == "too_many_uploads", "its link could still be used"
    limited.now += settings.presign_seconds
    sweep(limited)
    assert announce(limited, headers, 100, "audio/wav")
    assert announce(limited, limited.sign_up("eve@example.com"), 100, "audio/wav")


def test_upload_url_takes_only_what_was_declared(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    upload = announce(sqlite_api, headers, 10, "audio/wav")
    other = announce(sqlite_api, headers, 10, "audio/wav")
    url, data = upload["url"], b"x" * 10
    before = sqlite_api.contents()
    assert put(url, data + b"x") == 403, "longer"
    assert put(url, data[:-1]) == 403, "shorter"
    assert put(url, b"") == 403, "empty"
    assert put(url, data, "audio/mpeg") == 403, "another type"
    assert httpx.put(url, content=data).status_code == 403, "no type"
    assert put(url.replace(upload["id"], other["id"]), data) == 403, "another key"
    assert put(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999"), data) == 403, "longer valid"
    for method in ("GET", "POST", "DELETE"):
        right = {"Content-Type": "audio/wav"}
        assert httpx.request(method, url, content=data, headers=right).status_code >= 400, method

    def piecemeal() -> Any:
        yield data

    right = {"Content-Type": "audio/wav"}
    assert httpx.put(url, content=piecemeal(), headers=right).status_code >= 400, "no length"
    assert sqlite_api.contents() == before
    assert put(url, data) == 200


def test_upload_url_expires(sqlite_api: Api) -> None:
    url = sqlite_api.store.presigned_put("seed-vc-audio-uploads/late.wav", 1, "audio/wav", 3)
    time.sleep(2.1)
    assert put(url, b"abc") == 403
    with pytest.raises(ObjectMissing):
        sqlite_api.store.head("seed-vc-audio-uploads/late.wav")


def test_upload_replaced_after_inspection_is_read_anew(sqlite_api: Api) -> None:
    good = tone(0.5)
    upload = send(sqlite_api, sqlite_api.sign_up(), good, "audio/wav")
    assert inspect(sqlite_api, upload) == 0.5
    assert put(upload["url"], bytes(len(good))) == 200
    with pytest.raises(InvalidInput, match="no recording that can be read"):
        uploads.fetch(sqlite_api.store, upload["key"], "source", 300, 0.2)


# What is in it


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"x", "not_audio"),
        (b"A text." * 1000, "not_audio"),
        (b"\x30\x26\xb2\x75" + bytes(100), "unsupported_audio"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom", "not_audio"),
        (tone(0.19), "audio_too_short"),
        (tone(301), "audio_too_long"),
        (tone(2.0), "no_speech"),
        (wav(np.zeros(24_000)), "no_speech"),
        (wav(0.1 * np.random.default_rng(0).standard_normal(24_000)), "no_speech"),
        (tone(1.0, "FLAC")[:2_000], "bad_audio"),
        (speech()[:3_000], "bad_audio"),
    ],
)
def test_inspect_refuses_unfit_recordings(sqlite_api: Api, data: bytes, code: str) -> None:
    assert refusal(sqlite_api, send(sqlite_api, sqlite_api.sign_up(), data)) == code


@pytest.mark.parametrize("seconds", [0.2, 300])
def test_inspect_accepts_the_ends_of_the_range(sqlite_api: Api, seconds: float) -> None:
    upload = send(sqlite_api, sqlite_api.sign_up(), spoken(seconds), "audio/wav")
    assert inspect(sqlite_api, upload) == seconds


def test_read_refuses_an_object_of_another_size(sqlite_api: Api) -> None:
    """Not every S3 checks the length that is signed."""
    upload = send(sqlite_api, sqlite_api.sign_up(), tone(0.5), "audio/wav")
    sqlite_api.store.put(upload["key"], tone(0.6), "audio/wav")
    assert refusal(sqlite_api, upload) == "wrong_size"


def test_read_returns_the_recording_that_was_sent(sqlite_api: Api) -> None:
    upload = send(sqlite_api, sqlite_api.sign_up(), tone(0.5), "audio/wav")
    recording = uploads.read(sqlite_api.store, row(sqlite_api, upload["id"]), 30, 0.2)
    expected = 0.3 * np.sin(2 * np.pi * 220 * np.arange(4_000) / 8_000)
    np.testing.assert_allclose(recording.samples, expected, atol=1e-4)


# Finding, deleting and expiring


def test_find_by_id_and_key_for_the_owner_only(api: Api) -> None:
    mine, theirs = api.sign_up(), api.sign_up("eve@example.com")
    upload = announce(api, mine, 10, "audio/wav")
    owner = row(api, upload["id"]).user_id
    stranger = api.client.get("/api/me", headers=theirs).json()["id"]
    with api.database.reading() as session:
        for name in (upload["id"], upload["key"]):
            assert uploads.find(session, owner, name).id == upload["id"]
        wrong = ["", "x", upload["id"][:-1], upload["key"][:-1], upload["id"] + ".wav", "0" * 32]
        wrong += [f"seed-vc-audio-uploads/{upload['id']}", f"styletts2-output/{upload['id']}.wav"]
        errors = []
        for user, name in [(stranger, upload["id"]), *((owner, name) for name in wrong)]:
            with pytest.raises(ApiError) as caught:
                uploads.find(session, user, name)
            errors.append((caught.value.status, caught.value.body()))
    assert errors[0] == (404, errors[0][1])
    assert errors.count(errors[0]) == len(errors)
    for method in ("GET", "DELETE"):
        for who, name in ((theirs, upload["id"]), (mine, "0" * 32), (mine, "x")):
            answer = api.client.request(method, f"/api/uploads/{name}", headers=who)
            assert error_of(answer, 404)["code"] == "upload_not_found"


def test_delete_upload_removes_the_object_and_later_the_row(api: Api) -> None:
    headers = api.sign_up()
    before = api.contents()
    upload = send(api, headers, speech())
    address = f"/api/uploads/{upload['id']}"
    assert api.client.delete(address, headers=headers).status_code == 204
    sweep(api)
    assert api.contents() == {**before, "uploads": 1}
    for method in ("GET", "DELETE"):
        error_of(api.client.request(method, address, headers=headers), 404)
    # The link still works: what it brings back goes with the row once it has ended.
    assert put(upload["url"], speech(), "audio/flac") == 200
    sweep(api)
    assert api.contents()["uploads"] == 1
    api.now += api.settings.presign_seconds
    sweep(api)
    assert api.contents() == before


def test_delete_of_a_vanished_upload_is_404(api: Api) -> None:
    headers = api.sign_up()
    upload = send(api, headers, speech())
    address = f"/api/uploads/{upload['id']}"
    with ThreadPoolExecutor(1) as user:
        with api.database.transaction() as session:
            session.execute(update(RecordingUpload).values(deleted_at=api.now))
            uploads.purge(session, upload["id"])
            answer = user.submit(api.client.delete, address, headers=headers)
            assert not wait([answer], timeout=0.5).done
        assert error_of(answer.result(), 404)["code"] == "upload_not_found"


def test_upload_in_use_outlives_its_deletion(api: Api) -> None:
    headers = api.sign_up()
    deleted, old = (send(api, headers, speech()) for _ in range(2))
    waiting = [convert(api, headers, upload["key"]) for upload in (deleted, old)]
    address = f"/api/uploads/{deleted['id']}"
    assert api.client.delete(address, headers=headers).status_code == 204
    api.now += 8 * DAY
    sweep(api)
    for upload in (deleted, old):
        assert api.store.get(upload["key"]) == speech()
    for clip in waiting:
        cancel(api, clip)
    sweep(api)
    for upload in (deleted, old):
        with pytest.raises(ObjectMissing):
            api.store.head(upload["key"])
    assert api.contents()["uploads"] == 0


def test_sweep_keeps_uploads_for_a_week(api: Api) -> None:
    headers = api.sign_up()
    upload = send(api, headers, speech())
    never_sent = announce(api, headers, 10, "audio/wav")
    api.now += 7 * DAY - 1
    sweep(api)
    assert all(row(api, each["id"]).deleted_at is None for each in (upload, never_sent))
    before = api.contents()
    api.now += 1
    sweep(api)
    after = api.contents()
    assert (after["uploads"], after["objects"]) == (0, before["objects"] - 1)


def test_delete_upload_while_the_store_is_down_hides_it(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    upload = send(sqlite_api, headers, speech())
    elsewhere = sqlite_api.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    down = Api(elsewhere, sqlite_api.database, ObjectStore(elsewhere))
    address = f"/api/uploads/{upload['id']}"
    assert down.client.delete(address, headers=headers).status_code == 204
    error_of(sqlite_api.client.get(address, headers=headers), 404)
    sqlite_api.now += sqlite_api.settings.presign_seconds
    sweep(sqlite_api)
    with pytest.raises(ObjectMissing):
        sqlite_api.store.head(upload["key"])


def test_read_is_bounded_and_leaves_threads_for_other_requests(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, headers = sqlite_api, sqlite_api.sign_up()
    upload = send(api, headers, tone(1.0))
    go_on = Event()

    def slow(*_: object) -> Recording:
        assert go_on.wait(20)
        raise InvalidInput("upload", "There is nothing in it.", "not_audio")

    monkeypatch.setattr(uploads, "fetch", slow)
    body = {"voice": "af_heart", "upload": upload["id"]}
    with TestClient(api.app) as client, ThreadPoolExecutor(50) as threads:

        def ask() -> httpx.Response:
            return client.post("/api/conversions", headers=headers, json=body)

        asked = [threads.submit(ask) for _ in range(50)]
        other = threads.submit(client.get, "/api/me", headers=headers)
        try:
            assert other.result(10).status_code == 200
            at_once = list(
                islice(
                    as_completed(asked, 10), 50 - work.RECORDINGS.share - work.RECORDINGS.waiting
                )
            )
        finally:
            go_on.set()
    refused = [each.result() for each in at_once]
    assert {error_of(each, 503)["code"] for each in refused} == {"busy"}
    assert all(int(each.headers["retry-after"]) > 0 for each in refused)
