from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlparse

import httpx
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipelines.audio import FORMATS, Encoder, to_pcm16
from serve_app.embedded import SeaweedFS
from serve_app.settings import Settings
from serve_app.store import ObjectMissing, ObjectStore, StoreError, StoreUnavailable, result_key

MIB = 1024 * 1024
PART = 5 * MIB  # the least that S3 takes for a part that is not the last
RATE = 24000

Connect = Callable[..., ObjectStore]


@pytest.fixture(scope="module")
def connect(seaweed: SeaweedFS) -> Connect:
    """A store on the running server; settings may be given otherwise."""

    def connect(**changes: object) -> ObjectStore:
        settings = {
            "s3_endpoint": seaweed.endpoint,
            "s3_access_key": SecretStr(seaweed.access_key),
            "s3_secret_key": SecretStr(seaweed.secret_key),
            "s3_bucket": "store-tests",
        }
        return ObjectStore(Settings(**(settings | changes)))  # type: ignore[arg-type]

    return connect


@pytest.fixture(scope="module")
def store(connect: Connect) -> ObjectStore:
    store = connect()
    store.ensure_bucket()
    return store


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bytes_of(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


# Objects


def test_an_object_goes_in_and_comes_out(store: ObjectStore) -> None:
    store.put("a/one", b"content", "audio/flac")
    assert store.get("a/one") == b"content"
    info = store.head("a/one")
    assert (info.bytes, info.content_type) == (7, "audio/flac")
    store.put("a/one", b"other", "audio/wav")
    assert store.get("a/one") == b"other"


def test_what_is_missing_is_said_to_be_missing(store: ObjectStore) -> None:
    for ask in (store.get, store.head):
        with pytest.raises(ObjectMissing, match="object a/none"):
            ask("a/none")


def test_delete_leaves_nothing_however_often(store: ObjectStore) -> None:
    store.put("a/gone", b"content", "audio/wav")
    for _ in range(2):
        store.delete("a/gone")
        with pytest.raises(ObjectMissing):
            store.head("a/gone")


def test_a_part_of_an_object(store: ObjectStore) -> None:
    store.put("ranges/a", b"0123456789", "text/plain")
    assert store.get_range("ranges/a", 2, 3) == b"234"
    assert store.get_range("ranges/a", 8, 100) == b"89"
    with pytest.raises(ObjectMissing):
        store.get_range("ranges/none", 0, 1)


def test_all_below_a_prefix_is_deleted_if_it_is_old(store: ObjectStore) -> None:
    for key in ("all/a/1", "all/a/2", "all/b"):
        store.put(key, b"x", "text/plain")
    assert store.delete_all("all/", older_than=time.time() - 3_600) == 0
    assert store.delete_all("all/a/") == 2
    assert store.keys("all/") == ["all/b"]


def test_the_bucket_is_made_once_by_whoever_comes_first(connect: Connect) -> None:
    stores = [connect(s3_bucket="raced-bucket") for _ in range(4)]
    with pytest.raises(ObjectMissing, match="bucket raced-bucket"):
        stores[0].ready()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ObjectStore.ensure_bucket, stores))
    for each in stores:
        each.ready()


def test_a_missing_bucket_is_not_an_outage(connect: Connect) -> None:
    with pytest.raises(ObjectMissing):
        connect(s3_bucket="no-such-bucket").get("a/one")


def test_many_threads_share_one_store(store: ObjectStore) -> None:
    def round_trip(number: int) -> bool:
        key, data = f"threads/{number}", bytes_of(10_000, number)
        store.put(key, data, "audio/wav")
        return store.get(key) == data and store.head(key).bytes == len(data)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(round_trip, range(64)))


# Failures


def test_a_wrong_secret_is_refused_and_not_shown(connect: Connect) -> None:
    secret = "not-the-secret"
    with pytest.raises(StoreError) as caught:
        connect(s3_secret_key=SecretStr(secret)).put("a/b", b"", "audio/wav")
    assert not isinstance(caught.value, StoreUnavailable | ObjectMissing)
    assert secret not in str(caught.value)


def test_an_endpoint_where_nothing_listens_is_unavailable_soon(connect: Connect) -> None:
    store = connect(s3_endpoint=f"http://127.0.0.1:{closed_port()}")
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.ready()
    assert time.monotonic() - began < 8


def test_a_server_that_only_fails_is_unavailable(connect: Connect) -> None:
    """A socket that accepts and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        hanging_up = pool.submit(lambda: [server.accept()[0].close() for _ in range(3)])
        with pytest.raises(StoreUnavailable):
            connect(s3_endpoint=f"http://127.0.0.1:{server.getsockname()[1]}").get("a/b")
        assert len(hanging_up.result(5)) == 3, "three tries"


def test_an_upload_without_a_store_fails_as_unavailable_and_can_be_left(connect: Connect) -> None:
    store = connect(s3_endpoint=f"http://127.0.0.1:{closed_port()}")
    with store.open_upload("a/b", "audio/wav") as upload:
        upload.write(b"audio")
        with pytest.raises(StoreUnavailable):
            upload.complete()


# Presigned URLs


def test_anyone_may_fetch_through_a_presigned_url(store: ObjectStore) -> None:
    store.put("a/shared", b"audio bytes", "audio/wav")
    answer = httpx.get(store.presigned_get("a/shared", 60, "clip 1.wav"))
    assert (answer.status_code, answer.content) == (200, b"audio bytes")
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-disposition"] == 'attachment; filename="clip_1.wav"'
    part = httpx.get(store.presigned_get("a/shared", 60, "x"), headers={"Range": "bytes=6-"})
    assert (part.status_code, part.content) == (206, b"bytes")


def test_a_url_that_was_changed_or_is_for_another_object_is_refused(store: ObjectStore) -> None:
    store.put("a/shared", b"audio bytes", "audio/wav")
    store.put("a/private", b"private", "audio/wav")
    url = store.presigned_get("a/shared", 60, "clip.wav")
    signature = parse_qs(urlparse(url).query)["X-Amz-Signature"][0]
    flipped = ("0" if signature[0] != "0" else "1") + signature[1:]
    assert httpx.get(url.replace(signature, flipped)).status_code == 403
    assert httpx.get(url.replace("a/shared", "a/private")).status_code == 403
    assert httpx.get(url.split("?")[0]).status_code == 403


def test_a_url_ends_with_its_time(store: ObjectStore) -> None:
    store.put("a/shared", b"audio bytes", "audio/wav")
    url = store.presigned_get("a/shared", 1, "clip.wav")
    assert httpx.get(url).status_code == 200
    time.sleep(2.1)
    assert httpx.get(url).status_code == 403


def test_a_presigned_upload_takes_what_was_signed_and_nothing_else(store: ObjectStore) -> None:
    url = store.presigned_put("uploads/1", 60, "audio/wav", 10)
    right = {"Content-Type": "audio/wav"}
    assert httpx.put(url, content=b"1" * 11, headers=right).status_code == 403
    assert httpx.put(url, content=b"1" * 9, headers=right).status_code == 403
    assert (
        httpx.put(url, content=b"1" * 10, headers={"Content-Type": "text/html"}).status_code == 403
    )
    with pytest.raises(ObjectMissing):
        store.head("uploads/1")
    assert httpx.put(url, content=b"1" * 10, headers=right).status_code == 200
    assert store.get("uploads/1") == b"1" * 10


def test_urls_name_the_public_endpoint(connect: Connect) -> None:
    store = connect(s3_public_endpoint="https://audio.example.org")
    for url in (store.presigned_get("a/b", 60, "b"), store.presigned_put("a/b", 60, "t/t", 1)):
        assert url.startswith("https://audio.example.org/store-tests/a/b?")
    store.ready()


@given(st.text(max_size=40))
def test_no_file_name_breaks_out_of_its_header(store: ObjectStore, name: str) -> None:
    query = parse_qs(urlparse(store.presigned_get("a/b", 60, name)).query)
    (disposition,) = query["response-content-disposition"]
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9_-][A-Za-z0-9._-]*"', disposition)


# Uploads that grow


def test_an_upload_is_seen_only_once_complete(store: ObjectStore) -> None:
    with store.open_upload("grow/small", "audio/wav") as upload:
        upload.write(b"some audio")
        with pytest.raises(ObjectMissing):
            store.head("grow/small")
        assert upload.complete() == 10
    assert store.get("grow/small") == b"some audio"
    assert store.head("grow/small").content_type == "audio/wav"
    assert store.list_uploads("grow/small") == []


def test_parts_leave_while_writing_and_the_first_can_be_rewritten(store: ObjectStore) -> None:
    data = bytearray(bytes_of(3 * PART + 12_345))
    upload = store.open_upload("grow/large", "audio/wav")
    with upload:
        for at in range(0, len(data), MIB):
            assert upload.write(bytes(data[at : at + MIB])) == len(data[at : at + MIB])
        assert upload.size == upload.tell() == len(data)
        (pending,) = store.list_uploads("grow/large")
        assert abs(pending.started_at - time.time()) < 60

        data[:5] = b"HEAD!"
        data[PART - 3 : PART] = b"end"
        upload.seek(0)
        upload.write(b"HEAD!")
        upload.seek(PART - 3)
        upload.write(b"end")
        assert upload.seek(0, io.SEEK_END) == len(data)
        assert upload.complete() == len(data)
    assert store.get("grow/large") == data
    assert store.list_uploads("grow/large") == []


def test_writing_waits_while_two_parts_are_on_their_way(connect: Connect) -> None:
    """The server takes connections and stays silent, until it goes away."""
    with (
        ThreadPoolExecutor(1) as pool,
        socket.create_server(("127.0.0.1", 0)) as server,
        connect(s3_endpoint=f"http://127.0.0.1:{server.getsockname()[1]}").open_upload(
            "a/b", "audio/wav", part_bytes=1000
        ) as upload,
    ):
        upload.write(bytes(3000))
        waiting = pool.submit(upload.write, bytes(1000))
        with pytest.raises(TimeoutError):
            waiting.result(0.5)
        server.accept()[0].close()
        server.close()
        with pytest.raises(StoreUnavailable):
            waiting.result(20)


def test_what_has_left_cannot_be_rewritten(store: ObjectStore) -> None:
    with store.open_upload("grow/sent", "audio/wav") as upload:
        upload.write(bytes(2 * PART + 10))
        upload.seek(PART + 1)
        with pytest.raises(io.UnsupportedOperation):
            upload.write(b"x")
        upload.seek(PART - 1)
        with pytest.raises(io.UnsupportedOperation):
            upload.write(b"xx")
        upload.seek(2 * PART + 1)
        upload.write(b"x")  # not full yet, so still here
        for place in ((-1, io.SEEK_SET), (1, io.SEEK_END)):
            with pytest.raises(io.UnsupportedOperation):
                upload.seek(*place)


@given(
    st.lists(
        st.tuples(st.binary(min_size=1, max_size=30), st.floats(0, 1), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_within_the_first_part_it_is_a_file(
    store: ObjectStore, writes: list[tuple[bytes, float, bool]]
) -> None:
    expected = io.BytesIO()
    with store.open_upload("grow/file", "audio/wav") as upload:
        for data, place, from_end in writes:
            size = len(expected.getvalue())
            offset = -int(place * size) if from_end else int(place * size)
            whence = io.SEEK_END if from_end else io.SEEK_SET
            assert upload.seek(offset, whence) == expected.seek(offset, whence)
            assert upload.write(data) == expected.write(data)
            assert upload.tell() == expected.tell()
        assert upload.complete() == len(expected.getvalue())
    assert store.get("grow/file") == expected.getvalue()


def test_abort_leaves_nothing_behind(store: ObjectStore) -> None:
    upload = store.open_upload("grow/aborted", "audio/wav")
    upload.write(bytes(2 * PART + 10))
    upload.abort()
    upload.abort()
    assert store.list_uploads("grow/aborted") == []
    with pytest.raises(ObjectMissing):
        store.head("grow/aborted")
    with pytest.raises(ValueError, match="ended"):
        upload.write(b"more")
    with pytest.raises(ValueError, match="ended"):
        upload.complete()


def test_an_upload_left_by_an_error_is_aborted(store: ObjectStore) -> None:
    def fail_halfway() -> None:
        with store.open_upload("grow/left", "audio/wav") as upload:
            upload.write(bytes(100))
            raise RuntimeError("generation failed")

    with pytest.raises(RuntimeError, match="generation failed"):
        fail_halfway()
    assert store.list_uploads("grow/left") == []


def test_an_upload_never_written_cannot_be_completed(store: ObjectStore) -> None:
    with (
        store.open_upload("grow/empty", "audio/wav") as upload,
        pytest.raises(ValueError, match="Nothing"),
    ):
        upload.complete()
    assert store.list_uploads("grow/empty") == []


def test_the_old_object_stays_until_its_successor_is_complete(store: ObjectStore) -> None:
    store.put("grow/again", b"first", "audio/wav")
    with store.open_upload("grow/again", "audio/wav") as upload:
        upload.write(b"second")
        assert store.get("grow/again") == b"first"
        upload.complete()
    assert store.get("grow/again") == b"second"


def test_only_uploads_begun_before_a_time_are_swept(store: ObjectStore) -> None:
    upload = store.open_upload("swept/one", "audio/wav")
    upload.write(b"left by a process that died")
    while not store.list_uploads("swept/"):
        time.sleep(0.05)
    assert store.abort_stale_uploads("swept/", time.time() - 3600) == 0
    assert store.abort_stale_uploads("elsewhere/", time.time() + 60) == 0
    assert store.abort_stale_uploads("swept/", time.time() + 60) == 1
    assert store.list_uploads("swept/") == []
    with pytest.raises(StoreError):
        upload.complete()
    upload.abort()


# The encoder on an upload


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_encoded_into_an_upload(store: ObjectStore, name: str) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 300 * np.arange(RATE * 3) / RATE)).astype(np.float32)
    key = result_key("styletts2", "0" * 32, name)
    with store.open_upload(key, FORMATS[name].content_type) as upload:
        encoder = Encoder(upload, name, RATE, RATE)
        for at in range(0, len(tone), 5000):
            encoder.write(tone[at : at + 5000])
        encoder.close()
        size = upload.complete()
    data = store.get(key)
    decoded, rate = soundfile.read(io.BytesIO(data))
    assert (len(data), len(decoded), rate) == (size, len(tone), RATE)
    before_the_cut = slice(0, -RATE // 100)  # a tone cut short rings in the last 10 ms
    assert np.abs(decoded - tone)[before_the_cut].max() < 0.1


@pytest.mark.parametrize("name", ["wav", "flac"])
def test_a_header_is_rewritten_after_later_parts_have_left(store: ObjectStore, name: str) -> None:
    noise = np.random.default_rng(3).uniform(-1, 1, 6 * MIB).astype(np.float32)
    with store.open_upload(f"grow/long.{name}", "audio/wav") as upload:
        encoder = Encoder(upload, name, 48000, 48000)
        for at in range(0, len(noise), MIB):
            encoder.write(noise[at : at + MIB])
        encoder.close()
        assert upload.complete() > 2 * PART
    decoded, _ = soundfile.read(io.BytesIO(store.get(f"grow/long.{name}")), dtype="int16")
    assert np.array_equal(decoded, to_pcm16(noise))


def test_an_encoder_dropped_after_an_abort_writes_nothing(store: ObjectStore) -> None:
    upload = store.open_upload("grow/dropped.flac", "audio/flac")
    encoder = Encoder(upload, "flac", RATE, RATE)
    encoder.write(np.zeros(100, np.float32))
    upload.abort()
    del encoder
    assert store.list_uploads("grow/dropped.flac") == []


@pytest.mark.parametrize(
    ("service", "format_name", "key"),
    [
        ("styletts2", "wav", "styletts2-output/abc.wav"),
        ("seedvc", "mp3", "seedvc-outputs/abc.mp3"),
        ("make-an-audio", "opus", "make-an-audio-outputs/abc.opus"),
    ],
)
def test_keys_of_results(service: str, format_name: str, key: str) -> None:
    assert result_key(service, "abc", format_name) == key
