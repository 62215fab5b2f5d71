"""Where manifests are read from and results written to: files, and objects of allowed buckets."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from serve_app.errors import invalid
from serve_app.field_rules import storable
from serve_app.media import uploads, voices
from serve_app.settings import Settings
from serve_app.storage import feature_cache
from serve_app.storage.object_keys import RESULT_PREFIXES
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>.*)")
_OWN = (
    *RESULT_PREFIXES.values(),
    uploads.PREFIX,
    voices.PREFIX,
    feature_cache.PREFIX,
)
_BLOCK = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """An object, or with a key that ends in `/` a folder of objects."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def store(self, settings: Settings) -> ObjectStore:
        return ObjectStore(settings.model_copy(update={"s3_bucket": self.bucket}))


def object_place(field: str, url: str, settings: Settings) -> ObjectPlace:
    """Parses `s3://bucket/key`. Raises ApiError 422 for anything else, and for a bucket that is
    neither `s3_bucket` nor one of `bulk_buckets`."""
    found = _URL.fullmatch(url)
    if found is None:
        raise invalid(field, f"{field} must look like s3://bucket/folder/file, not {url[:200]!r}.")
    place = ObjectPlace(found["bucket"], found["key"])
    if place.bucket not in (settings.s3_bucket, *settings.bulk_buckets):
        message = f"{field} must lie in {settings.s3_bucket} or in a bucket of BERNIE_BULK_BUCKETS."
        raise invalid(field, message, "bucket_not_allowed")
    return place


def place_of(url: str) -> ObjectPlace:
    """The place of a URL that was checked before."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return ObjectPlace(bucket, key)


def output_place(url: str, settings: Settings) -> ObjectPlace:
    """The folder of the results; see `object_place`. Raises ApiError 422 also where the service
    keeps files of its own, which are removed when no row names them."""
    place = object_place("output", url, settings)
    folder = place.key.removesuffix("/")
    # Some stores read keys as paths.
    if any(part in ("", ".", "..") for part in folder.split("/")) or not storable(folder):
        raise invalid("output", "output must be a folder, without empty parts, `.` and `..`.")
    found = ObjectPlace(place.bucket, f"{folder}/")
    if place.bucket == settings.s3_bucket and found.key.startswith(_OWN):
        own = found.key.partition("/")[0]
        raise invalid("output", f"output must not lie in {own}/: the service has its files there.")
    return found


def open_manifest(url: str, settings: Settings) -> BinaryIO:
    """The bytes of a manifest as they are stored, read block by block. Raises ApiError 422 for a
    file that cannot be read, and what `object_place` and the store raise."""
    if url.startswith("s3://"):
        place = object_place("manifest", url, settings)
        try:
            reader = ObjectReader(place.store(settings), place.key)
        except ObjectMissing as error:
            message = f"There is no manifest at {place}."
            raise invalid("manifest", message, "manifest_missing") from error
        return io.BufferedReader(reader, _BLOCK)
    if "://" in url:
        raise invalid("manifest", "manifest must be a file or an s3:// URL.")
    try:
        return Path(url).open("rb")
    except OSError as error:
        raise invalid("manifest", f"manifest {url} cannot be read: {error.strerror}.") from error


class ObjectReader(io.RawIOBase):
    """Reads an object in ranges: a connection that breaks costs one block."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store, self._key = store, key
        self._size = store.head(key).bytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        size = min(len(view), self._size - self._at)
        if size <= 0:
            return 0
        found = self._store.get_range(self._key, self._at, size)
        view[: len(found)] = found
        self._at += len(found)
        return len(found)
