"""The faults of the proxy, met by the service's own store over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from serve_app.cli.local_stack import with_store
from serve_app.ids import new_id
from serve_app.settings import Settings
from serve_app.storage.seaweedfs import SeaweedFS
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing, StoreUnavailable
from tests.chaos.proxy import ActiveFault, Fault, FaultProxy

PART = 5 * 1024 * 1024


@pytest.fixture
def proxy(seaweed: SeaweedFS) -> Iterator[FaultProxy]:
    with FaultProxy(seaweed.endpoint) as proxy:
        yield proxy


@pytest.fixture
def direct(seaweed: SeaweedFS) -> ObjectStore:
    store = ObjectStore(with_store(Settings(s3_bucket="chaos"), seaweed))
    store.ensure_bucket()
    return store


@pytest.fixture
def store(direct: ObjectStore, seaweed: SeaweedFS, proxy: FaultProxy) -> ObjectStore:
    settings = with_store(Settings(s3_bucket="chaos"), seaweed)
    return ObjectStore(settings.model_copy(update={"s3_endpoint": proxy.endpoint}))


def test_proxy_without_faults_is_transparent(store: ObjectStore, proxy: FaultProxy) -> None:
    key = new_id()
    with store.open_writer(key, "audio/wav") as upload:
        upload.write(bytes(2 * PART + 1))
        assert upload.complete() == 2 * PART + 1
    link = store.presigned_get(key, 60, "clip.wav")
    assert urlsplit(link).netloc == urlsplit(proxy.endpoint).netloc
    assert len(httpx.get(link).content) == 2 * PART + 1
    place = store.presigned_put(key, 60, "audio/wav", 3)
    headers = {"Content-Type": "audio/wav"}
    assert httpx.put(place, content=b"abc", headers=headers).status_code == 200
    assert store.get(key) == b"abc"
    assert [each.key for each in store.objects(key)] == [key]


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.CUT, Fault.FULL])
def test_proxy_refuse_fault_fails_and_writes_nothing(
    store: ObjectStore, direct: ObjectStore, proxy: FaultProxy, fault: Fault
) -> None:
    key = new_id()
    proxy.active_fault = ActiveFault(fault)
    with pytest.raises(StoreUnavailable):
        store.put(key, bytes(PART), "audio/wav")
    assert proxy.met[fault] >= 1
    with pytest.raises(ObjectMissing):
        direct.head(key)
    proxy.active_fault = None
    store.put(key, b"now", "audio/wav")
    assert direct.get(key) == b"now"


def test_proxy_lost_answer_fault_leaves_the_write(
    store: ObjectStore, direct: ObjectStore, proxy: FaultProxy
) -> None:
    key = new_id()
    proxy.active_fault = ActiveFault(Fault.DEAF)
    with pytest.raises(StoreUnavailable):
        store.put(key, b"there", "audio/wav")
    assert direct.get(key) == b"there"


def test_proxy_full_fault_still_reads_and_deletes(
    store: ObjectStore, direct: ObjectStore, proxy: FaultProxy
) -> None:
    key = new_id()
    direct.put(key, b"there", "audio/wav")
    proxy.active_fault = ActiveFault(Fault.FULL)
    assert store.get(key) == b"there"
    store.delete(key)
    with pytest.raises(ObjectMissing):
        direct.head(key)


def test_proxy_silence_ends_with_the_fault(store: ObjectStore, proxy: FaultProxy) -> None:
    proxy.active_fault = ActiveFault(Fault.SILENT)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(proxy.endpoint, timeout=0.3)
    proxy.active_fault = None
    store.ready()


def test_proxy_slowness_delays_answers_and_loses_none(
    store: ObjectStore, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.chaos.proxy._SLOW_SECONDS", 0.5)
    proxy.active_fault = ActiveFault(Fault.SLOW)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(proxy.endpoint, timeout=0.2)
    store.ready()
    assert proxy.met[Fault.SLOW] >= 2
