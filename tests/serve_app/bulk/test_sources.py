"""Recordings that lines name lie beside the manifest, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.protocol import InvalidInput
from serve_app.bulk import sources
from serve_app.bulk.sources import Sources
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.recordings import speech, tone

BATCH = "b" * 32


def test_file_beside_a_local_manifest_is_copied_for_the_batch(
    api_settings: Settings, api_store: ObjectStore, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.flac").write_bytes(speech())
    found = Sources(api_settings, api_store, str(tmp_path / "lines.jsonl"))
    key, seconds = found.find("a/one.flac", BATCH)
    assert key.startswith(f"batches/{BATCH}/sources/")
    assert api_store.get(key) == speech()
    assert seconds == pytest.approx(3.5, abs=0.2)
    sources.clear(api_store, BATCH)
    assert api_store.keys(f"batches/{BATCH}/") == []


def test_object_beside_a_manifest_of_the_service_is_used_as_it_is(
    api_settings: Settings, api_store: ObjectStore
) -> None:
    api_store.put("in/june/one.flac", speech(), "audio/flac")
    found = Sources(api_settings, api_store, f"s3://{api_settings.s3_bucket}/in/june/lines.jsonl")
    assert found.find("one.flac", BATCH)[0] == "in/june/one.flac"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("/etc/passwd", "invalid_input"),
        ("../secret.wav", "invalid_input"),
        ("", "invalid_input"),
        (7, "invalid_input"),
        ("none.wav", "recording_missing"),
        ("tone.wav", "no_speech"),
        ("text.wav", "not_audio"),
    ],
)
def test_what_cannot_be_converted_is_told(
    api_settings: Settings, api_store: ObjectStore, tmp_path: Path, name: object, code: str
) -> None:
    (tmp_path / "tone.wav").write_bytes(tone(2.0))
    (tmp_path / "text.wav").write_bytes(b"some words that are no sound")
    (tmp_path.parent / "secret.wav").write_bytes(speech())
    found = Sources(api_settings, api_store, str(tmp_path / "lines.jsonl"))
    with pytest.raises(InvalidInput) as refused:
        found.find(name, BATCH)
    assert (refused.value.field, refused.value.code) == ("source", code)
