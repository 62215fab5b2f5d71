"""Multipart writers over a real store."""

from __future__ import annotations

import io
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pipelines.audio.containers import FORMATS, Encoder, to_pcm16
from serve_app.cli.ports import free_port
from serve_app.storage.object_keys import result_key_of
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing, StoreError, StoreUnavailable
from tests.serve_app.conftest import Connect
from tests.waiting import until

MIB = 1024 * 1024
PART = 5 * MIB  # the least that S3 takes for a part that is not the last
RATE = 24000


def test_writer_object_appears_only_once_complete(store: ObjectStore) -> None:
    with store.open_writer("grow/small", "audio/wav") as upload:
        upload.write(b"some audio")
        with pytest.raises(ObjectMissing):
            store.head("grow/small")
        assert upload.complete() == 10
    assert store.get("grow/small") == b"some audio"
    assert store.head("grow/small").content_type == "audio/wav"
    assert store.list_multipart("grow/small") == []


def test_writer_sends_parts_early_and_allows_rewriting_the_first(store: ObjectStore) -> None:
    data = bytearray(np.random.default_rng(0).bytes(3 * PART + 12_345))
    upload = store.open_writer("grow/large", "audio/wav")
    with upload:
        for at in range(0, len(data), MIB):
            assert upload.write(bytes(data[at : at + MIB])) == len(data[at : at + MIB])
        assert upload.size == upload.tell() == len(data)
        (pending,) = store.list_multipart("grow/large")
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
    assert store.list_multipart("grow/large") == []


def test_writer_waits_while_two_parts_are_in_flight(connect: Connect) -> None:
    """The server accepts connections and does not answer, until it ends."""
    with (
        ThreadPoolExecutor(1) as pool,
        socket.create_server(("127.0.0.1", 0)) as server,
        connect(s3_endpoint=f"http://127.0.0.1:{server.getsockname()[1]}").open_writer(
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


def test_writer_refuses_rewriting_a_sent_part(store: ObjectStore) -> None:
    with store.open_writer("grow/sent", "audio/wav") as upload:
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
def test_writer_behaves_like_a_file_within_the_first_part(
    store: ObjectStore, writes: list[tuple[bytes, float, bool]]
) -> None:
    expected = io.BytesIO()
    with store.open_writer("grow/file", "audio/wav") as upload:
        for data, place, from_end in writes:
            size = len(expected.getvalue())
            offset = -int(place * size) if from_end else int(place * size)
            whence = io.SEEK_END if from_end else io.SEEK_SET
            assert upload.seek(offset, whence) == expected.seek(offset, whence)
            assert upload.write(data) == expected.write(data)
            assert upload.tell() == expected.tell()
        assert upload.complete() == len(expected.getvalue())
    assert store.get("grow/file") == expected.getvalue()


def test_writer_abort_leaves_nothing(store: ObjectStore) -> None:
    upload = store.open_writer("grow/aborted", "audio/wav")
    upload.write(bytes(2 * PART + 10))
    upload.abort()
    upload.abort()
    assert store.list_multipart("grow/aborted") == []
    with pytest.raises(ObjectMissing):
        store.head("grow/aborted")
    with pytest.raises(ValueError, match="ended"):
        upload.write(b"more")
    with pytest.raises(ValueError, match="ended"):
        upload.complete()


def test_writer_left_by_an_error_is_aborted(store: ObjectStore) -> None:
    def fail_halfway() -> None:
        with store.open_writer("grow/left", "audio/wav") as upload:
            upload.write(bytes(100))
            raise RuntimeError("generation failed")

    with pytest.raises(RuntimeError, match="generation failed"):
        fail_halfway()
    assert store.list_multipart("grow/left") == []


def test_writer_without_data_cannot_be_completed(store: ObjectStore) -> None:
    with (
        store.open_writer("grow/empty", "audio/wav") as upload,
        pytest.raises(ValueError, match="Nothing"),
    ):
        upload.complete()
    assert store.list_multipart("grow/empty") == []


def test_writer_keeps_the_old_object_until_complete(store: ObjectStore) -> None:
    store.put("grow/again", b"first", "audio/wav")
    with store.open_writer("grow/again", "audio/wav") as upload:
        upload.write(b"second")
        assert store.get("grow/again") == b"first"
        upload.complete()
    assert store.get("grow/again") == b"second"


def test_abort_stale_multipart_spares_newer_uploads(store: ObjectStore) -> None:
    upload = store.open_writer("swept/one", "audio/wav")
    upload.write(b"left by a process that died")
    until(lambda: store.list_multipart("swept/"), 10, "the upload is begun")
    assert store.abort_stale_multipart("swept/", time.time() - 3600) == 0
    assert store.abort_stale_multipart("elsewhere/", time.time() + 60) == 0
    assert store.abort_stale_multipart("swept/", time.time() + 60) == 1
    assert store.list_multipart("swept/") == []
    with pytest.raises(StoreError):
        upload.complete()
    upload.abort()


def test_writer_without_a_store_raises_store_unavailable(connect: Connect) -> None:
    store = connect(s3_endpoint=f"http://127.0.0.1:{free_port()}")
    with store.open_writer("a/b", "audio/wav") as upload:
        upload.write(b"audio")
        with pytest.raises(StoreUnavailable):
            upload.complete()


# The encoder on an upload


@pytest.mark.parametrize("name", FORMATS)
def test_encoder_writes_every_format_into_a_writer(store: ObjectStore, name: str) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 300 * np.arange(RATE * 3) / RATE)).astype(np.float32)
    key = result_key_of("styletts2", "0" * 32, name)
    with store.open_writer(key, FORMATS[name].content_type) as upload:
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
def test_encoder_rewrites_the_header_after_later_parts_were_sent(
    store: ObjectStore, name: str
) -> None:
    noise = np.random.default_rng(3).uniform(-1, 1, 6 * MIB).astype(np.float32)
    with store.open_writer(f"grow/long.{name}", "audio/wav") as upload:
        encoder = Encoder(upload, name, 48000, 48000)
        for at in range(0, len(noise), MIB):
            encoder.write(noise[at : at + MIB])
        encoder.close()
        assert upload.complete() > 2 * PART
    decoded, _ = soundfile.read(io.BytesIO(store.get(f"grow/long.{name}")), dtype="int16")
    assert np.array_equal(decoded, to_pcm16(noise))


def test_encoder_dropped_after_abort_writes_nothing(store: ObjectStore) -> None:
    upload = store.open_writer("grow/dropped.flac", "audio/flac")
    encoder = Encoder(upload, "flac", RATE, RATE)
    encoder.write(np.zeros(100, np.float32))
    upload.abort()
    del encoder
    assert store.list_multipart("grow/dropped.flac") == []


def test_small_object_without_haste_is_one_request(store: ObjectStore) -> None:
    with store.open_writer("grow/one", "audio/wav", "a try", eager=False) as upload:
        upload.write(b"header")
        upload.write(b"sound")
        upload.seek(0)
        upload.write(b"HEADER")
        assert not upload.begun
        assert upload.complete() == 11
    assert store.get("grow/one") == b"HEADERsound"
    assert store.head("grow/one").written_by == "a try"
    with store.open_writer("grow/left-out", "audio/wav", eager=False) as upload:
        upload.write(b"header")
    assert store.keys("grow/left-out") == []


def test_large_object_without_haste_is_sent_in_parts(store: ObjectStore) -> None:
    part = 5 * 1024 * 1024
    with store.open_writer("grow/parts", "audio/wav", eager=False) as upload:
        upload.write(b"a" * part)
        assert not upload.begun
        upload.write(b"b")
        assert upload.begun
        assert upload.complete() == part + 1
    assert store.get_range("grow/parts", part - 1, 2) == b"ab"
