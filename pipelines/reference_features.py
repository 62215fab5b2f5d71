"""A cache of what models find in a recording, by the recording's content.

A value is a handful of arrays. The newest are kept in the process; behind them may lie a store of
bytes that all replicas share. What comes from there is validated. Imports no torch.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

Features = dict[str, NDArray[Any]]
Outcome = Literal["hit", "stored_hit", "miss"]

MOST_BYTES = 128 * 1024 * 1024
"""Kept in the process: about 20 references of 25 seconds, or tens of thousands of styles."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What an array has to be like. Dimensions that go by one name are equal."""

    shape: tuple[int | str, ...]
    dtype: type[np.floating[Any]] = np.float32


class FeatureStore(Protocol):
    """Bytes by key. It may forget, and it raises nothing: it is only a cache."""

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, data: bytes) -> None: ...


class FeatureCache:
    """Features by the digest of a recording and the identity of the model that found them.

    Safe to use from several threads; two that miss at once both compute.
    """

    def __init__(
        self,
        store: FeatureStore | None = None,
        observe: Callable[[Outcome], None] = lambda _outcome: None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """`observe` is called with the outcome of every look-up."""
        self._store = store
        self._observe = observe
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Features] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self.outcomes: Counter[Outcome] = Counter()

    def find(self, digest: str, model: str, arrays: Mapping[str, ArraySpec]) -> Features | None:
        """What `keep` was given, here or by any process with the same store; None if it was not, or
        if what is stored is broken, of other shapes, or not finite."""
        key = _key(digest, model)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        outcome: Outcome = "hit"
        if found is None:
            found = self._stored(key, arrays)
            outcome = "miss" if found is None else "stored_hit"
            if found is not None:
                self._remember(key, found)
        with self._lock:
            self.outcomes[outcome] += 1
        self._observe(outcome)
        return found

    def keep(self, digest: str, model: str, features: Features) -> None:
        """Keep what a model found in the recording of that digest."""
        key = _key(digest, model)
        self._remember(key, features)
        if self._store is not None:
            self._store.put(key, save(features))

    def _stored(self, key: str, arrays: Mapping[str, ArraySpec]) -> Features | None:
        data = None if self._store is None else self._store.get(key)
        if data is None:
            return None
        try:
            features = load(data)
        except (SafetensorError, ValueError, KeyError):
            return None
        return features if _fits(features, arrays) else None

    def _remember(self, key: str, features: Features) -> None:
        """Drops those used longest ago; the newest stays however large it is."""
        with self._lock:
            self._bytes -= _size(self._kept.pop(key, {}))
            self._kept[key] = features
            self._bytes += _size(features)
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= _size(dropped)


def _key(digest: str, model: str) -> str:
    """By recording first, so that all that is known of one can be removed with it."""
    return f"{digest}/{model}"


def _size(features: Features) -> int:
    return sum(array.nbytes for array in features.values())


def _fits(features: Features, arrays: Mapping[str, ArraySpec]) -> bool:
    """Whether these are the arrays that are expected, holding finite numbers."""
    if features.keys() != arrays.keys():
        return False
    sizes: dict[str, int] = {}
    for name, array in features.items():
        wanted = arrays[name]
        if array.dtype != wanted.dtype or array.ndim != len(wanted.shape):
            return False
        for size, dimension in zip(array.shape, wanted.shape, strict=True):
            expected = (
                sizes.setdefault(dimension, size) if isinstance(dimension, str) else dimension
            )
            if size != expected:
                return False
    return all(array.size > 0 and bool(np.isfinite(array).all()) for array in features.values())
