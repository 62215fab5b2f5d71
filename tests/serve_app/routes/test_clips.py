from __future__ import annotations

import asyncio
import base64
import io
import threading
import time
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from sqlalchemy import update

from pipelines.audio.containers import Encoder
from pipelines.protocol import Word
from serve_app.db.models import User
from serve_app.db.pagination import encode_cursor
from serve_app.http.wait_slots import MAX_WAITING_PER_USER
from serve_app.jobs import claiming, queue
from serve_app.media import clips, word_times
from serve_app.settings import Settings
from serve_app.storage.object_keys import result_key_of
from serve_app.storage.store import ObjectStore
from tests.serve_app.api_harness import Api, Headers, error_of

TIMINGS = {"segments": 1, "total_seconds": 0.5, "stages": {"vocoder": {"seconds": 0.4}}}


def start(api: Api) -> queue.Claim:
    with api.database.transaction() as session:
        (claim,) = claiming.claim(session, api.settings, api.now)
    return claim


def finish(api: Api) -> str:
    """Have the next clip succeed, as a worker would, with half a second of silence."""
    claim = start(api)
    sound = io.BytesIO()
    encoder = Encoder(sound, "wav", 24_000, 24_000)
    encoder.write(np.zeros(12_000, np.float32))
    encoder.close()
    data = sound.getvalue()
    key = result_key_of("styletts2", claim.clip.id, "wav")
    api.store.put(key, data, "audio/wav")
    with api.database.transaction() as session:
        assert queue.succeed(
            session, claim.clip.id, claim.token, key, len(data), 0.5, TIMINGS, api.now
        )
    return claim.clip.id


def fail(api: Api) -> str:
    claim = start(api)
    with api.database.transaction() as session:
        assert queue.fail(
            session, claim.clip.id, claim.token, "model_failed", "The model failed.", api.now
        )
    return claim.clip.id


def test_get_clip_links_to_the_audio(api: Api) -> None:
    headers = api.sign_up()
    submitted = api.speak(headers)
    api.now += 3
    finish(api)
    clip = api.clip(headers, submitted["id"])
    assert clip["state"] == "succeeded"
    assert clip["attempts"] == 1
    assert clip["started_at"] == clip["finished_at"] == "2027-01-15T08:00:03Z"
    assert clip["s3_key"] == f"styletts2-output/{clip['id']}.wav"
    assert clip["timings"] == TIMINGS
    audio = clip["audio"]
    assert audio["expires_at"] == "2027-01-15T09:00:03Z"
    assert (audio["content_type"], audio["bytes"], audio["seconds"]) == ("audio/wav", 24_044, 0.5)

    download = httpx.get(audio["url"])
    assert download.headers["Content-Type"] == "audio/wav"
    assert f'filename="{clip["id"]}.wav"' in download.headers["Content-Disposition"]
    samples, rate = soundfile.read(io.BytesIO(download.content))
    assert (len(samples), rate) == (12_000, 24_000)

    me = api.client.get("/api/me", headers=headers).json()
    assert (me["credits"], me["held"]) == (9_950, 0)
    newest = api.client.get("/api/credits", headers=headers).json()["items"][0]
    assert (newest["amount"], newest["balance"], newest["clip_id"]) == (-50, 9_950, clip["id"])


def test_get_clip_of_a_failed_clip_has_the_error(api: Api) -> None:
    headers = api.sign_up()
    api.speak(headers)
    clip = api.clip(headers, fail(api))
    assert clip["state"] == "failed"
    assert clip["error"] == {"code": "model_failed", "message": "The model failed."}
    assert clip["audio"] is None


def test_delete_clip_of_a_pending_one_frees_its_credits(api: Api) -> None:
    headers = api.sign_up()
    clip = api.speak(headers)
    assert api.client.delete(f"/api/clips/{clip['id']}", headers=headers).status_code == 204
    cancelled = api.clip(headers, clip["id"])
    assert (cancelled["state"], cancelled["error"]) == ("cancelled", None)
    assert api.client.get("/api/me", headers=headers).json()["available"] == 10_000


def test_delete_clip_removes_the_object(api: Api) -> None:
    headers = api.sign_up()
    before = api.contents()
    api.speak(headers)
    clip = api.clip(headers, finish(api))
    address = f"/api/clips/{clip['id']}"
    assert api.client.delete(address, headers=headers).status_code == 204
    assert error_of(api.client.get(address, headers=headers), 404)["code"] == "clip_not_found"
    error_of(api.client.delete(address, headers=headers), 404)
    api.remove_deleted()
    assert httpx.get(clip["audio"]["url"]).status_code == 404
    charged = {"credits": before["credits"] - 50, "ledger": before["ledger"] + 1}
    assert api.contents() == before | charged


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
def test_delete_clip_removes_what_a_lost_attempt_left(api: Api, outcome: str) -> None:
    headers = api.sign_up()
    before = api.contents()
    clip = api.speak(headers, format="mp3")
    address = f"/api/clips/{clip['id']}"
    api.store.put(result_key_of("styletts2", clip["id"], "mp3"), b"sound", "audio/mpeg")
    if outcome == "failed":
        fail(api)
    else:
        start(api)
        assert api.client.delete(address, headers=headers).status_code == 204
    assert api.clip(headers, clip["id"])["state"] == outcome
    assert api.client.delete(address, headers=headers).status_code == 204
    api.remove_deleted()
    assert api.contents() == before


def test_delete_clip_while_the_store_is_down_hides_it(api: Api) -> None:
    headers = api.sign_up()
    api.speak(headers)
    clip_id = finish(api)
    elsewhere = api.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    down = Api(elsewhere, api.database, ObjectStore(elsewhere))
    assert down.client.delete(f"/api/clips/{clip_id}", headers=headers).status_code == 204
    error_of(api.client.get(f"/api/clips/{clip_id}", headers=headers), 404)
    assert api.contents()["clips"] == 1, "the row stays for the sweeper"


def test_store_without_credentials_is_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    headers = api.sign_up()
    api.speak(headers)
    clip_id = finish(api)
    settings = Settings(s3_endpoint=api.settings.s3_endpoint)
    down = Api(settings, api.database, ObjectStore(settings))
    answer = down.client.get(f"/api/clips/{clip_id}", headers=headers)
    assert error_of(answer, 503)["code"] == "store_unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def listed(api: Api, headers: Headers, **query: Any) -> list[str]:
    """The ids on all pages, two to a page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 2, **query} | ({"cursor": cursor} if cursor else {})
        page = api.client.get("/api/clips", headers=headers, params=params).json()
        found += [clip["id"] for clip in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        assert len(page["items"]) == 2


def test_list_clips_in_pages_and_by_state(api: Api) -> None:
    headers = api.sign_up()
    ids = []
    for _ in range(5):
        api.now += 60
        ids.append(api.speak(headers)["id"])
    succeeded, failed = finish(api), fail(api)
    api.client.delete(f"/api/clips/{ids[4]}", headers=headers)
    assert listed(api, headers) == ids[::-1]
    assert listed(api, headers, state="succeeded") == [succeeded]
    assert listed(api, headers, state="failed") == [failed]
    assert listed(api, headers, state="cancelled") == [ids[4]]
    assert listed(api, headers, state="pending", service="styletts2") == [ids[3], ids[2]]
    assert listed(api, api.sign_up("bob@example.com")) == []


def test_list_clips_refuses_invalid_queries(api: Api) -> None:
    headers = api.sign_up()
    clip = f"/api/clips/{api.speak(headers)['id']}"
    cases: list[tuple[str, dict[str, Any], str, str]] = [
        ("/api/clips", {"limit": 0}, "limit", "between 1 and 100"),
        ("/api/clips", {"limit": 101}, "limit", "between 1 and 100"),
        ("/api/clips", {"limit": "many"}, "limit", "whole number"),
        ("/api/clips", {"limit": "9" * 5_000}, "limit", "out of range"),
        ("/api/clips", {"state": "lost"}, "state", "'pending'"),
        ("/api/clips", {"service": "opera"}, "service", "'styletts2'"),
        ("/api/clips", {"offset": 1}, "offset", "not a known field"),
        ("/api/clips", {"cursor": "x"}, "cursor", "cursor"),
        ("/api/clips", {"cursor": ""}, "cursor", "1 to 200 characters"),
        ("/api/clips", {"cursor": encode_cursor(1.0, "\x00")}, "cursor", "cursor"),
        ("/api/clips", {"cursor": encode_cursor(1)}, "cursor", "cursor"),
        ("/api/credits", {"cursor": encode_cursor(2**70)}, "cursor", "cursor"),
        ("/api/credits", {"limit": -1}, "limit", "between 1 and 100"),
        (clip, {"wait": 31}, "wait", "between 0 and 30"),
        (clip, {"wait": "nan"}, "wait", "whole number"),
    ]
    for path, params, field, says in cases:
        error = error_of(api.client.get(path, headers=headers, params=params), 422)
        assert error["field"] == field, params
        assert says in error["message"], params


def test_get_clip_wait_ends_with_the_clip(api: Api) -> None:
    headers = api.sign_up()
    clip = api.speak(headers)
    worker = threading.Timer(0.5, finish, [api])
    worker.start()
    began = time.monotonic()
    assert api.clip(headers, clip["id"], wait=20)["state"] == "succeeded"
    assert 0.4 < time.monotonic() - began < 10
    worker.join()


def test_get_clip_wait_ends_with_the_time(api: Api) -> None:
    headers = api.sign_up()
    clip = api.speak(headers)
    began = time.monotonic()
    assert api.clip(headers, clip["id"], wait=1)["state"] == "pending"
    assert 0.9 < time.monotonic() - began < 5


def test_get_clip_wait_is_bounded_per_user(api: Api) -> None:
    ada, bob = api.sign_up(), api.sign_up("bob@example.com")
    of_ada, of_bob = api.speak(ada)["id"], api.speak(bob)["id"]

    async def waited() -> tuple[list[float], float]:
        transport = httpx.ASGITransport(api.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:

            async def wait(headers: Headers, clip_id: str) -> float:
                began = time.monotonic()
                answer = await client.get(f"/api/clips/{clip_id}?wait=2", headers=headers)
                assert answer.json()["state"] == "pending"
                return time.monotonic() - began

            return await asyncio.gather(
                asyncio.gather(*(wait(ada, of_ada) for _ in range(MAX_WAITING_PER_USER + 5))),
                wait(bob, of_bob),
            )

    for _ in range(2):
        of_one, of_another = asyncio.run(waited())
        assert [seconds < 1.9 for seconds in of_one].count(True) == 5
        assert of_another > 1.9


def test_get_clip_answers_while_another_transaction_writes(api: Api) -> None:
    headers = api.sign_up()
    clip_id = api.speak(headers)["id"]
    addresses = ["me", "credits", "keys", "voices", "clips", f"clips/{clip_id}?wait=1"]
    with api.database.transaction() as session:
        session.execute(update(User).values(balance=User.balance + 1))
        began = time.monotonic()
        for address in addresses:
            answer = api.client.get(f"/api/{address}", headers=headers)
            assert answer.status_code == 200, answer.text
    assert time.monotonic() - began < 10


def test_get_clip_wait_ends_when_the_client_disconnects(api: Api) -> None:
    headers = api.sign_up()
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/clips/{api.speak(headers)['id']}",
        "query_string": b"wait=30",
        "headers": [(b"authorization", headers["Authorization"].encode())],
    }

    async def gone() -> float:
        messages = iter([{"type": "http.request", "body": b""}])

        async def receive() -> dict[str, Any]:
            return next(messages, {"type": "http.disconnect"})

        async def send(_message: Any) -> None: ...

        began = time.monotonic()
        await api.app(scope, receive, send)
        return time.monotonic() - began

    assert asyncio.run(gone()) < 5


def test_list_clips_by_text_states_and_time(api: Api) -> None:
    headers = api.sign_up()
    made = api.speak(headers, text="Ten % of the KETTLE.")["id"]
    finish(api)
    api.now += 60
    failed = api.speak(headers, text="Ten of the kettles.")["id"]
    fail(api)
    api.now += 60
    waiting = api.speak(headers, text="A cup of tea.")["id"]

    def found(*query: tuple[str, str]) -> list[str]:
        answer = api.client.get("/api/clips", headers=headers, params=list(query))
        assert answer.status_code == 200, answer.text
        return [clip["id"] for clip in answer.json()["items"]]

    assert found(("q", "kettle")) == [failed, made]
    assert found(("q", "n % o")) == [made]
    assert found(("q", "_")) == []
    assert found(("state", "pending"), ("state", "failed")) == [waiting, failed]
    assert found(("since", "2027-01-15T08:01:00Z")) == [waiting, failed]
    assert found(("until", "2027-01-15T09:01:00+01:00")) == [made]
    assert found(("since", "2027-01-15T08:00:30Z"), ("until", "2027-01-15T08:01:30Z")) == [failed]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=", "q"),
        ("q=" + "a" * 201, "q"),
        ("q=a%00b", "q"),
        ("since=yesterday", "since"),
        ("since=2027-01-15T08:00:00", "since"),
        ("until=2027-02-30T08:00:00Z", "until"),
        ("until=0", "until"),
        ("state=pending&state=none", "state"),
    ],
)
def test_list_clips_refuses_conditions_that_are_none(
    sqlite_api: Api, query: str, field: str
) -> None:
    headers = sqlite_api.sign_up()
    answer = sqlite_api.client.get(f"/api/clips?{query}", headers=headers)
    assert error_of(answer, 422)["field"] == field


def test_words_and_captions(api: Api) -> None:
    headers = api.sign_up()
    clip_id = api.speak(headers)["id"]
    address = f"/api/clips/{clip_id}"
    assert error_of(api.client.get(f"{address}/words", headers=headers), 409)
    finish(api)
    none = error_of(api.client.get(f"{address}/captions.srt", headers=headers), 404)
    assert none["code"] == "words_not_found"
    text = api.client.get(address, headers=headers).json()["text"]
    first, second = text.split()[:2]
    words = [Word(0, len(first), "So", 0.1, 0.25)]
    words += [Word(len(first) + 1, len(first) + 1 + len(second), second, 0.3, 0.5)]
    with api.database.transaction() as session:
        word_times.record(session, clip_id, words)
    found = api.client.get(f"{address}/words", headers=headers).json()
    assert found["seconds"] == 0.5
    assert found["words"][0] == {
        "text": first,
        "begin": 0,
        "end": len(first),
        "said": "So",
        "start": 0.1,
        "stop": 0.25,
    }
    subrip = api.client.get(f"{address}/captions.srt", headers=headers)
    assert subrip.headers["content-type"].startswith("application/x-subrip")
    assert subrip.text.startswith("1\n00:00:00,100 --> 00:00:00,500\n")
    vtt = api.client.get(f"{address}/captions.vtt", headers=headers)
    assert vtt.headers["content-type"].startswith("text/vtt")
    assert vtt.text.startswith("WEBVTT\n\n00:00:00.100 --> ")
    others = api.sign_up("eve@example.com")
    assert error_of(api.client.get(f"{address}/words", headers=others), 404)


def test_get_peaks(api: Api) -> None:
    headers = api.sign_up()
    clip_id = api.speak(headers)["id"]
    address = f"/api/clips/{clip_id}/peaks"
    early = error_of(api.client.get(address, headers=headers), 409)
    assert early["code"] == "clip_not_ready"
    finish(api)
    none = error_of(api.client.get(address, headers=headers), 404)
    assert none["code"] == "peaks_not_found"
    with api.database.transaction() as session:
        clips.record_peaks(session, clip_id, bytes([0x81, 0x7F] * 1_000))
    peaks = api.client.get(address, headers=headers).json()
    assert (peaks["seconds"], peaks["pairs"]) == (0.5, 1_000)
    assert base64.b64decode(peaks["peaks"])[:2] == b"\x81\x7f"
    others = api.sign_up("eve@example.com")
    assert error_of(api.client.get(address, headers=others), 404)["code"] == "clip_not_found"
