"""Links to the audio of lines, at a real store."""

from __future__ import annotations

import json

import httpx
import pytest

from serve_app.db.models import Batch
from serve_app.http.batch_view import with_link
from serve_app.storage.store import ObjectStore
from tests.serve_app.batches import AUDIO

KEY = "out/june/audio/ca/a.wav"
LINE = {"id": "a", "state": "succeeded", "format": "wav", "s3_key": KEY}


def shown(output: str, copied: bool, store: ObjectStore) -> dict[str, str]:
    batch = Batch(output=output, options={"copy": copied})
    return dict(json.loads(with_link(dict(LINE), batch, store, 60)))


@pytest.mark.parametrize("copied", [False, True])
def test_line_in_the_bucket_of_the_service_has_a_link(api_store: ObjectStore, copied: bool) -> None:
    api_store.put(KEY, AUDIO, "audio/wav")
    line = shown(f"s3://{api_store.bucket}/out/june/", copied, api_store)
    assert httpx.get(line["url"]).content == AUDIO
    assert line["content_type"] == "audio/wav"


def test_line_in_another_bucket_has_no_link(api_store: ObjectStore) -> None:
    assert "url" not in shown("s3://elsewhere/out/june/", True, api_store)
