"""Objects in a real store, and stores that fail."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pydantic import SecretStr

from serve_app.cli.ports import free_port
from serve_app.storage.object_keys import result_key_of
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing, StoreError, StoreUnavailable
from tests.serve_app.conftest import Connect


def test_put_get_head_round_trip(store: ObjectStore) -> None:
    store.put("a/one", b"content", "audio/flac")
    assert store.get("a/one") == b"content"
    info = store.head("a/one")
    assert (info.bytes, info.content_type) == (7, "audio/flac")
    store.put("a/one", b"other", "audio/wav")
    assert store.get("a/one") == b"other"


def test_missing_object_raises_object_missing(store: ObjectStore) -> None:
    for ask in (store.get, store.head):
        with pytest.raises(ObjectMissing, match="object a/none"):
            ask("a/none")


def test_delete_is_idempotent(store: ObjectStore) -> None:
    store.put("a/gone", b"content", "audio/wav")
    for _ in range(2):
        store.delete("a/gone")
        with pytest.raises(ObjectMissing):
            store.head("a/gone")


def test_get_range_returns_a_part(store: ObjectStore) -> None:
    store.put("ranges/a", b"0123456789", "text/plain")
    assert store.get_range("ranges/a", 2, 3) == b"234"
    assert store.get_range("ranges/a", 8, 100) == b"89"
    with pytest.raises(ObjectMissing):
        store.get_range("ranges/none", 0, 1)


def test_delete_all_removes_old_objects_of_a_prefix(store: ObjectStore) -> None:
    for key in ("all/a/1", "all/a/2", "all/b"):
        store.put(key, b"x", "text/plain")
    assert store.delete_all("all/", older_than=time.time() - 3_600) == 0
    assert store.delete_all("all/a/") == 2
    assert store.keys("all/") == ["all/b"]


def test_ensure_bucket_is_safe_to_run_concurrently(connect: Connect) -> None:
    stores = [connect(s3_bucket="raced-bucket") for _ in range(4)]
    with pytest.raises(ObjectMissing, match="bucket raced-bucket"):
        stores[0].ready()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ObjectStore.ensure_bucket, stores))
    for each in stores:
        each.ready()


def test_missing_bucket_is_not_store_unavailable(connect: Connect) -> None:
    with pytest.raises(ObjectMissing):
        connect(s3_bucket="no-such-bucket").get("a/one")


def test_store_is_thread_safe(store: ObjectStore) -> None:
    def round_trip(number: int) -> bool:
        key, data = f"threads/{number}", np.random.default_rng(number).bytes(10_000)
        store.put(key, data, "audio/wav")
        return store.get(key) == data and store.head(key).bytes == len(data)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(round_trip, range(64)))


# Failures


def test_wrong_secret_raises_store_error_without_the_secret(connect: Connect) -> None:
    secret = "not-the-secret"
    with pytest.raises(StoreError) as caught:
        connect(s3_secret_key=SecretStr(secret)).put("a/b", b"", "audio/wav")
    assert not isinstance(caught.value, StoreUnavailable | ObjectMissing)
    assert secret not in str(caught.value)


def test_unreachable_endpoint_raises_store_unavailable_soon(connect: Connect) -> None:
    store = connect(s3_endpoint=f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.ready()
    assert time.monotonic() - began < 8


def test_failing_server_raises_store_unavailable(connect: Connect) -> None:
    """A socket that accepts connections and closes them."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        hanging_up = pool.submit(lambda: [server.accept()[0].close() for _ in range(3)])
        with pytest.raises(StoreUnavailable):
            connect(s3_endpoint=f"http://127.0.0.1:{server.getsockname()[1]}").get("a/b")
        assert len(hanging_up.result(5)) == 3, "three tries"


# Names


def test_presigned_urls_name_the_public_endpoint(store: ObjectStore, connect: Connect) -> None:
    behind = connect(s3_public_endpoint="https://audio.example.org")
    for url in (behind.presigned_get("a/b", 60, "b"), behind.presigned_put("a/b", 60, "t/t", 1)):
        assert url.startswith("https://audio.example.org/store-tests/a/b?")
    behind.ready()


@pytest.mark.parametrize(
    ("service", "format_name", "key"),
    [
        ("styletts2", "wav", "styletts2-output/abc.wav"),
        ("seedvc", "mp3", "seedvc-outputs/abc.mp3"),
        ("make-an-audio", "opus", "make-an-audio-outputs/abc.opus"),
    ],
)
def test_result_key_of(service: str, format_name: str, key: str) -> None:
    assert result_key_of(service, "abc", format_name) == key
