"""A presigned URL of a real store allows one thing, for a time."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing
from tests.serve_app.api_harness import Api, Headers
from tests.serve_app.conftest import Connect
from tests.serve_app.recordings import announce, send, speech, tone

SIZE = 10
TYPE = {"Content-Type": "audio/wav"}
CONTENT = b"0123456789"


@pytest.fixture
def secret(api_store: ObjectStore) -> Iterator[str]:
    """The key of another user's object."""
    key = "styletts2-output/secret.wav"
    api_store.put(key, CONTENT, "audio/wav")
    yield key
    api_store.delete(key)


def refused(method: str, url: str, content: bytes | None = None, **headers: str) -> bool:
    """Of all methods. OPTIONS, which any browser may send, reveals nothing."""
    answer = httpx.request(method, url, content=content, headers={**TYPE, **headers})
    return answer.status_code in (400, 403, 405)


def test_presigned_get_needs_no_credentials(api_store: ObjectStore) -> None:
    api_store.put("a/shared", b"audio bytes", "audio/wav")
    answer = httpx.get(api_store.presigned_get("a/shared", 60, "clip 1.wav"))
    assert (answer.status_code, answer.content) == (200, b"audio bytes")
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-disposition"] == 'attachment; filename="clip_1.wav"'
    part = httpx.get(api_store.presigned_get("a/shared", 60, "x"), headers={"Range": "bytes=6-"})
    assert (part.status_code, part.content) == (206, b"bytes")


def test_presigned_get_changed_in_any_part_is_refused(api_store: ObjectStore) -> None:
    api_store.put("a/shared", b"audio bytes", "audio/wav")
    api_store.put("a/private", b"private", "audio/wav")
    url = api_store.presigned_get("a/shared", 60, "clip.wav")
    signature = parse_qs(urlsplit(url).query)["X-Amz-Signature"][0]
    flipped = ("0" if signature[0] != "0" else "1") + signature[1:]
    assert httpx.get(url.replace(signature, flipped)).status_code == 403
    assert httpx.get(url.replace("a/shared", "a/private")).status_code == 403
    assert httpx.get(url.split("?")[0]).status_code == 403


def test_presigned_put_takes_only_what_was_signed(api_store: ObjectStore) -> None:
    url = api_store.presigned_put("uploads/1", 60, "audio/wav", 10)
    right = {"Content-Type": "audio/wav"}
    assert httpx.put(url, content=b"1" * 11, headers=right).status_code == 403
    assert httpx.put(url, content=b"1" * 9, headers=right).status_code == 403
    page = {"Content-Type": "text/html"}
    assert httpx.put(url, content=b"1" * 10, headers=page).status_code == 403
    with pytest.raises(ObjectMissing):
        api_store.head("uploads/1")
    assert httpx.put(url, content=b"1" * 10, headers=right).status_code == 200
    assert api_store.get("uploads/1") == b"1" * 10


@given(st.text(max_size=40))
def test_presigned_get_file_name_stays_in_its_header(api_store: ObjectStore, name: str) -> None:
    query = parse_qs(urlsplit(api_store.presigned_get("a/b", 60, name)).query)
    (disposition,) = query["response-content-disposition"]
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9_-][A-Za-z0-9._-]*"', disposition)


def test_presigned_get_allows_nothing_else(api_store: ObjectStore, secret: str) -> None:
    url = api_store.presigned_get(secret, 60, "clip.wav")
    assert httpx.get(url).content == CONTENT
    for method in ("HEAD", "PUT", "POST", "PATCH", "DELETE"):
        assert refused(method, url, CONTENT if method.startswith("P") else None)
    for more in (
        "acl",
        "tagging",
        "uploads",
        "delete",
        "versionId=1",
        "list-type=2",
        "partNumber=1&uploadId=x",
        "response-content-type=text/html",
        "X-Amz-Expires=604800",
    ):
        assert refused("GET", f"{url}&{more}"), more
        assert refused("PUT", f"{url}&{more}", CONTENT), more
        assert refused("DELETE", f"{url}&{more}"), more
    changes = {
        "X-Amz-Expires=60": "X-Amz-Expires=600",
        "attachment": "inline",
        "secret.wav": "other.wav",
        "us-east-1": "eu-west-1",
    }
    for old, new in changes.items():
        assert old in url
        assert refused("GET", url.replace(old, new)), new
    assert api_store.get(secret) == CONTENT


def test_presigned_put_allows_nothing_else(api_store: ObjectStore, secret: str) -> None:
    key = "seed-vc-audio-uploads/one.wav"
    url = api_store.presigned_put(key, 60, "audio/wav", SIZE)
    for method in ("GET", "HEAD", "POST", "PATCH", "DELETE"):
        assert refused(method, url, CONTENT if method.startswith("P") else None)
    for path in (secret, f"seed-vc-audio-uploads/%2e%2e/{secret}", f"{key}/../../{secret}"):
        assert refused("PUT", url.replace(key, path), b"9876543210"), path
    for headers in (
        {"x-amz-copy-source": f"/api/{secret}"},
        {"x-amz-copy-source": f"api/{secret}", "x-amz-metadata-directive": "REPLACE"},
        {"x-amz-acl": "public-read"},
        {"x-amz-tagging": "a=b"},
        {"x-amz-website-redirect-location": "https://evil.example"},
        {
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-decoded-content-length": "1000000",
            "Content-Encoding": "aws-chunked",
        },
    ):
        assert refused("PUT", url, CONTENT, **headers), headers
    chunks = (CONTENT for _ in range(100))
    assert httpx.put(url, content=chunks, headers=TYPE).status_code == 403
    with pytest.raises(ObjectMissing):
        api_store.head(key)
    assert api_store.get(secret) == CONTENT


def test_presigned_url_expires(api_store: ObjectStore, secret: str) -> None:
    # Signed times are whole seconds: a link for one may have expired as soon as it is made.
    fetch = api_store.presigned_get(secret, 3, "clip.wav")
    send = api_store.presigned_put("seed-vc-audio-uploads/late.wav", 3, "audio/wav", SIZE)
    assert httpx.get(fetch).content == CONTENT
    time.sleep(4.1)
    assert refused("GET", fetch)
    assert refused("PUT", send, CONTENT)


def test_store_refuses_unsigned_requests(api_store: ObjectStore, secret: str) -> None:
    parts = urlsplit(api_store.presigned_get(secret, 60, "clip.wav"))
    store = f"{parts.scheme}://{parts.netloc}"
    for path in ("/", "/api", "/api?list-type=2", f"/api/{secret}"):
        assert refused("GET", store + path)
    assert refused("PUT", f"{store}/api/{secret}", CONTENT)


KEYS = [
    "styletts2-output/{clip}.wav",
    "seed-vc-audio-uploads/{upload}.wav/../{upload}.flac",
    "../seed-vc-audio-uploads/{upload}.flac",
    "/seed-vc-audio-uploads/{upload}.flac",
    "seed-vc-audio-uploads/{upload}.flac\r\nx-amz-acl: public-read",
    "seed-vc-audio-uploads/{upload}.flac\x00",
    "seed-vc-audio-uploads/{upload}",
    "seed-vc-audio-uploads/seed-vc-audio-uploads/{upload}.flac",
    "{upload}.flac",
    "{upload} ",
    "http://127.0.0.1:1/{upload}",
    "file:///etc/passwd",
]


def test_conversion_takes_only_keys_of_ones_own_uploads(api: Api) -> None:
    """Nothing else that a client names is ever looked for in the store."""
    headers = api.sign_up()
    upload = send(api, headers, speech())
    known = {"upload": upload["id"], "clip": api.speak(headers)["id"]}
    for pattern in KEYS:
        for path, body in (
            ("/api/conversions", {"voice": "af_heart"}),
            ("/api/voices", {"name": "mine"}),
        ):
            request = {**body, "upload": pattern.format(**known)}
            answer = api.client.post(path, headers=headers, json=request)
            assert (answer.status_code, answer.json()["error"]["code"]) == (
                404,
                "upload_not_found",
            ), pattern
    for name in (upload["id"], upload["key"]):
        request = {"upload": name, "voice": "af_heart"}
        assert api.client.post("/api/conversions", headers=headers, json=request).is_success


def test_store_does_not_decompress_objects(sqlite_api: Api) -> None:
    """An unsigned header may claim that the object is compressed."""
    headers = sqlite_api.sign_up()
    packed = gzip.compress(tone(60.0))
    upload = announce(sqlite_api, headers, len(packed), "audio/wav")
    sent = httpx.put(upload["url"], content=packed, headers=TYPE | {"Content-Encoding": "gzip"})
    assert sent.status_code in (200, 403)
    assert convert(sqlite_api, headers, upload["id"]) in ("not_audio", "recording_missing")


def convert(api: Api, headers: Headers, upload_id: str) -> str:
    request = {"upload": upload_id, "voice": "af_heart"}
    answer = api.client.post("/api/conversions", headers=headers, json=request)
    code: str = answer.json()["error"]["code"]
    return code


NAMES = [
    "x\r\nSet-Cookie: a=b",
    'a"; filename="b.exe',
    "../../etc/passwd",
    "a\u202egpj.exe",
    "%0d%0a",
]


def test_client_names_reach_no_header_or_path(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    upload = send(sqlite_api, headers, speech())
    for name in NAMES:
        made = sqlite_api.client.post(
            "/api/voices", headers=headers, json={"name": name, "upload": upload["id"]}
        )
        if made.is_success:
            conversion = {"upload": upload["id"], "voice": name, "seed": 1}
            answer = sqlite_api.client.post("/api/conversions", headers=headers, json=conversion)
            assert answer.status_code == 202
            assert answer.headers["Location"] == f"/api/clips/{answer.json()['id']}"
        key = {**headers, "Idempotency-Key": name}
        for sent in (headers, key):
            body = {"text": name, "voice": "af_heart"}
            try:
                answer = sqlite_api.client.post("/api/speech", headers=sent, json=body)
            except (UnicodeEncodeError, httpx.LocalProtocolError):
                continue
            assert "set-cookie" not in answer.headers
            assert name not in str(answer.headers)


def preflight(url: str, origin: str) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    return httpx.options(url, headers={**asked, "Access-Control-Request-Headers": "content-type"})


def test_allowed_origins_and_no_others_may_use_the_store(connect: Connect) -> None:
    store = connect(s3_bucket="with-origins")
    store.ensure_bucket()
    store.allow_origins(["https://studio.example"])
    store.put("a", CONTENT, "audio/wav")
    url = store.presigned_get("a", 60, "a.wav")
    assert store.public_origin == url.split("/with-origins")[0]
    for origin, allowed in (("https://studio.example", True), ("https://evil.example", False)):
        answer = httpx.get(url, headers={"Origin": origin, "Range": "bytes=0-3"})
        assert answer.content == CONTENT[:4]
        named = answer.headers.get("Access-Control-Allow-Origin")
        assert named == (origin if allowed else None)
        put = preflight(store.presigned_put("b", 60, "audio/wav", SIZE), origin)
        assert (put.headers.get("Access-Control-Allow-Origin") == origin) == allowed
