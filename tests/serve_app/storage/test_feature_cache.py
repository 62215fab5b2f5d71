"""Caches of features over a real store, and over one that is down."""

from __future__ import annotations

import logging
import uuid

import numpy as np
import pytest

from pipelines.reference_features import ArraySpec, FeatureCache
from serve_app.settings import Settings
from serve_app.storage import feature_cache
from serve_app.storage.feature_cache import StoredFeatures
from serve_app.storage.store import ObjectStore

ARRAYS = {"style": ArraySpec((256,))}
STYLE = {"style": np.arange(256, dtype=np.float32)}


def test_stored_features_are_shared_by_replicas(api_store: ObjectStore) -> None:
    digest = uuid.uuid4().hex
    first, second = (FeatureCache(StoredFeatures(api_store)) for _ in range(2))
    assert first.find(digest, "model", ARRAYS) is None
    first.keep(digest, "model", STYLE)
    found = second.find(digest, "model", ARRAYS)
    assert found is not None
    np.testing.assert_array_equal(found["style"], STYLE["style"])
    assert second.outcomes == {"stored_hit": 1}


def test_purge_removes_all_features_of_a_recording(api_store: ObjectStore) -> None:
    digest = uuid.uuid4().hex
    cache = FeatureCache(StoredFeatures(api_store))
    for name, model in ((digest, "one"), (digest, "two"), (digest + "0", "one")):
        cache.keep(name, model, STYLE)
    feature_cache.purge(api_store, digest)
    assert api_store.keys(f"voice-features/{digest}") == [f"voice-features/{digest}0/one"]
    feature_cache.purge(api_store, digest)


def test_stored_features_survive_an_outage(
    api_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "bernie.features")
    down = ObjectStore(api_settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}))
    cache = FeatureCache(StoredFeatures(down))
    assert cache.find("d", "m", ARRAYS) is None
    cache.keep("d", "m", STYLE)
    assert cache.find("d", "m", ARRAYS) is STYLE
    assert cache.outcomes == {"miss": 1, "hit": 1}
