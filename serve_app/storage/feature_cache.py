"""The object store as the shared level of the feature caches: replicas share what one computed."""

from __future__ import annotations

import logging

from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing, StoreError

logger = logging.getLogger("bernie.features")

PREFIX = "voice-features/"
"""May be emptied at any time: features are computed again."""
_CONTENT_TYPE = "application/octet-stream"


class StoredFeatures:
    """A `pipelines.reference_features.FeatureStore`. An outage of the store costs time, no clip."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def get(self, key: str) -> bytes | None:
        try:
            return self._store.get(PREFIX + key)
        except ObjectMissing:
            return None
        except StoreError:
            logger.warning("stored features cannot be read", exc_info=True)
            return None

    def put(self, key: str, data: bytes) -> None:
        try:
            self._store.put(PREFIX + key, data, _CONTENT_TYPE)
        except StoreError:
            logger.warning("features cannot be stored", exc_info=True)


def purge(store: ObjectStore, digest: str) -> None:
    """Removes all features of the recording with that digest. Raises StoreError."""
    for key in store.keys(f"{PREFIX}{digest}/"):
        store.delete(key)
