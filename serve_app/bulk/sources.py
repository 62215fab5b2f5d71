"""Recordings that the lines of a job name: files beside its manifest."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from pipelines.audio.voice_activity import has_speech
from pipelines.protocol import InvalidInput
from serve_app.media import uploads
from serve_app.media.batches.leftovers import PREFIX
from serve_app.media.batches.lines import beside
from serve_app.media.batches.places import ObjectPlace, place_of
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing

FIELD = "source"
_LONGEST_KEY = 300


class Sources:
    """The folder of a manifest. What lies outside of the service's bucket is copied into it, below
    `batches/<id>/sources/`, for as long as the batch is under way."""

    def __init__(self, settings: Settings, store: ObjectStore, manifest: str) -> None:
        self._settings = settings
        self._store = store
        self._manifest = manifest

    def find(self, name: object, batch_id: str) -> tuple[str, float]:
        """Key and length in seconds of a recording. Raises InvalidInput where there is none that
        can be converted; StoreError."""
        path = beside(name)
        if path is None:
            raise InvalidInput(FIELD, "source must be the name of a file beside the manifest.")
        try:
            key = self._key(path, batch_id)
        except (ObjectMissing, FileNotFoundError) as error:
            message = f"There is no recording {path[:200]!r} beside the manifest."
            raise InvalidInput(FIELD, message, "recording_missing") from error
        longest, shortest = self._settings.max_source_seconds, self._settings.min_source_seconds
        recording = uploads.fetch(self._store, key, FIELD, longest, shortest)
        if not has_speech(recording):
            message = "Nobody speaks in the source recording: there is nothing to convert."
            raise InvalidInput(FIELD, message, "no_speech")
        return key, recording.seconds

    def _key(self, name: str, batch_id: str) -> str:
        copy = f"{PREFIX}{batch_id}/sources/{sha256(name.encode()).hexdigest()[:32]}"
        if not self._manifest.startswith("s3://"):
            with (Path(self._manifest).parent / name).open("rb") as file:
                data = file.read(self._settings.max_upload_bytes + 1)
            if len(data) > self._settings.max_upload_bytes:
                message = f"The recording has more than {self._settings.max_upload_bytes} bytes."
                raise InvalidInput(FIELD, message)
            self._store.put(copy, data, "application/octet-stream")
            return copy
        place = place_of(self._manifest)
        folder = place.key.rpartition("/")[0]
        found = ObjectPlace(place.bucket, f"{folder}/{name}" if folder else name)
        if place.bucket == self._settings.s3_bucket and len(found.key) <= _LONGEST_KEY:
            return found.key
        self._store.copy(found.bucket, found.key, copy)
        return copy


def clear(store: ObjectStore, batch_id: str) -> None:
    """Removes the copies of a batch that has ended."""
    store.delete_all(f"{PREFIX}{batch_id}/sources/")
