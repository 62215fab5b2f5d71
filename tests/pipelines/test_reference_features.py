"""Features are found once, and nothing that is stored is believed without a look."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from pipelines.reference_features import ArraySpec, FeatureCache, Features

ARRAYS = {
    "mel": ArraySpec(("frames", 4)),
    "content": ArraySpec(("frames", 3)),
    "pitch": ArraySpec(("pitches",), np.float64),
}


class Shelf:
    """A store in memory that counts."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.reads = 0

    def get(self, key: str) -> bytes | None:
        self.reads += 1
        return self.held.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.held[key] = data


def features(frames: int = 5, value: float = 1.0) -> Features:
    return {
        "mel": np.full((frames, 4), value, np.float32),
        "content": np.full((frames, 3), value, np.float32),
        "pitch": np.full(7, value),
    }


def same(one: Features | None, other: Features) -> bool:
    return one is not None and all(np.array_equal(one[name], other[name]) for name in other)


def test_feature_cache_what_was_kept_is_found_by_recording_and_model() -> None:
    cache = FeatureCache()
    assert cache.find("d", "m", ARRAYS) is None
    cache.keep("d", "m", features())
    assert same(cache.find("d", "m", ARRAYS), features())
    assert cache.find("d", "other", ARRAYS) is None
    assert cache.find("other", "m", ARRAYS) is None
    assert cache.outcomes == {"hit": 1, "miss": 3}


def test_feature_cache_another_process_finds_it_in_the_store() -> None:
    shelf, seen = Shelf(), []
    FeatureCache(shelf).keep("d", "m", features())
    assert list(shelf.held) == ["d/m"]
    other = FeatureCache(shelf, seen.append)
    assert same(other.find("d", "m", ARRAYS), features())
    assert same(other.find("d", "m", ARRAYS), features())
    assert shelf.reads == 1
    assert seen == ["stored_hit", "hit"]
    assert other.outcomes == {"stored_hit": 1, "hit": 1}


def changed(**arrays: np.ndarray) -> bytes:
    return save({**features(), **arrays})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 100,
        changed()[:-1],
        changed()[:20],
        save({"mel": np.zeros((5, 4), np.float32)}),
        changed(more=np.zeros(1, np.float32)),
        changed(mel=np.zeros((5, 5), np.float32)),
        changed(mel=np.zeros((6, 4), np.float32)),
        changed(mel=np.zeros((5, 4, 1), np.float32)),
        changed(mel=np.zeros((5, 4))),
        changed(mel=np.zeros((5, 4), np.int32)),
        changed(mel=np.full((5, 4), np.nan, np.float32)),
        changed(pitch=np.zeros(0)),
        changed(pitch=np.full(7, np.inf)),
    ],
)
def test_feature_cache_what_is_broken_in_the_store_is_made_again(data: bytes) -> None:
    shelf = Shelf()
    shelf.held["d/m"] = data
    cache = FeatureCache(shelf)
    assert cache.find("d", "m", ARRAYS) is None
    cache.keep("d", "m", features())
    assert same(FeatureCache(shelf).find("d", "m", ARRAYS), features())
    assert cache.outcomes == {"miss": 1}


@given(st.binary(max_size=200), st.integers(0, 400))
def test_feature_cache_no_bytes_of_a_store_do_harm(written: bytes, at: int) -> None:
    shelf = Shelf()
    data = bytearray(changed())
    data[at : at + len(written)] = written
    shelf.held["d/m"] = bytes(data)
    found = FeatureCache(shelf).find("d", "m", ARRAYS)
    if found is not None:
        assert {name: array.dtype for name, array in found.items()} == {
            name: array.dtype for name, array in features().items()
        }
        assert all(np.isfinite(array).all() for array in found.values())


def test_feature_cache_those_used_last_stay() -> None:
    size = sum(array.nbytes for array in features().values())
    cache = FeatureCache(most_bytes=2 * size)
    for name in ("a", "b"):
        cache.keep(name, "m", features())
    cache.find("a", "m", ARRAYS)
    cache.keep("c", "m", features())
    kept = {name for name in ("a", "b", "c") if cache.find(name, "m", ARRAYS) is not None}
    assert kept == {"a", "c"}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 50)), max_size=40))
def test_feature_cache_bytes_kept_are_bounded_and_counted(kept: list[tuple[str, int]]) -> None:
    most = 1_000
    cache = FeatureCache(most_bytes=most)
    for name, frames in kept:
        cache.keep(name, "m", features(frames))
        held = [sum(a.nbytes for a in each.values()) for each in cache._kept.values()]
        assert cache._bytes == sum(held)
        assert len(held) == 1 or sum(held) <= most
        assert same(cache.find(name, "m", ARRAYS), features(frames))


def test_feature_cache_threads_at_once() -> None:
    size = sum(array.nbytes for array in features().values())
    cache = FeatureCache(Shelf(), most_bytes=3 * size)

    def use(number: int) -> bool:
        name = str(number % 8)
        found = cache.find(name, "m", ARRAYS)
        if found is None:
            cache.keep(name, "m", features(value=number % 8))
            return True
        return same(found, features(value=number % 8))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(2_000)))
    assert cache._bytes == len(cache._kept) * size
    assert sum(cache.outcomes.values()) == 2_000
