"""The object store: any S3 through boto3. Objects, presigned URLs, multipart writers."""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from serve_app.settings import Settings
from serve_app.storage.multipart import WRITTEN_BY, MultipartWriter, abort_multipart
from serve_app.storage.store_errors import ObjectMissing, translated

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 3
_READ_SECONDS = 20
_ATTEMPTS = 3
_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    bytes: int
    content_type: str
    written_by: str
    """The value given to `open_writer`; empty for other objects."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in a listing of the store."""

    key: str
    bytes: int
    modified_at: float
    """Epoch seconds, by the clock of the store."""


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """A multipart upload that is neither complete nor aborted."""

    key: str
    upload_id: str
    started_at: float
    """Epoch seconds, by the clock of the store."""


class ObjectStore:
    """One bucket. Safe to use from several threads. Every method may raise StoreError."""

    def __init__(self, settings: Settings) -> None:
        self.bucket = settings.s3_bucket
        self._region = settings.s3_region
        self._part_bytes = settings.s3_part_bytes
        self._client = _client(settings, settings.s3_endpoint)
        public = settings.s3_public_endpoint
        self._public_client = _client(settings, public) if public else self._client

    def ready(self) -> None:
        """Raises unless the bucket exists and is accessible."""
        with translated(f"bucket {self.bucket}"):
            self._client.head_bucket(Bucket=self.bucket)

    def ensure_bucket(self) -> None:
        """Creates the bucket if missing. Safe to run concurrently."""
        try:
            self.ready()
        except ObjectMissing:
            with translated(f"bucket {self.bucket}"):
                self._create_bucket()

    def _create_bucket(self) -> None:
        options: dict[str, Any] = {"Bucket": self.bucket}
        if self._region != "us-east-1":
            options["CreateBucketConfiguration"] = {"LocationConstraint": self._region}
        try:
            self._client.create_bucket(**options)
        except self._client.exceptions.BucketAlreadyOwnedByYou:
            logger.info("Another process made the bucket %s first.", self.bucket)

    def allow_origins(self, origins: Sequence[str]) -> None:
        """Lets pages of these origins, and of no others, send uploads and read audio by script.
        Replaces the rules that the bucket has."""
        rule = {
            "AllowedOrigins": list(origins),
            "AllowedMethods": ["GET", "HEAD", "PUT"],
            "AllowedHeaders": ["content-type", "range"],
            "ExposeHeaders": ["ETag", "Content-Range", "Accept-Ranges"],
            "MaxAgeSeconds": 3600,
        }
        with translated(f"bucket {self.bucket}"):
            self._client.put_bucket_cors(
                Bucket=self.bucket, CORSConfiguration={"CORSRules": [rule]}
            )

    @cached_property
    def public_origin(self) -> str:
        """Scheme, host and port of presigned URLs."""
        address = urlsplit(self.presigned_get("origin", 60, "origin"))
        return f"{address.scheme}://{address.netloc}"

    def put(self, key: str, data: bytes, content_type: str) -> None:
        with translated(f"object {key}"):
            self._client.put_object(
                Bucket=self.bucket, Key=key, Body=data, ContentType=content_type
            )

    def copy(self, bucket: str, key: str, to: str) -> None:
        """Copies an object of any bucket that the credentials open, within the store. Raises
        ObjectMissing."""
        with translated(f"object {key}"):
            self._client.copy_object(
                Bucket=self.bucket, Key=to, CopySource={"Bucket": bucket, "Key": key}
            )

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissing."""
        with translated(f"object {key}"):
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            content: bytes = answer["Body"].read()
        return content

    def get_range(self, key: str, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start`, which lies within the object. Raises ObjectMissing."""
        with translated(f"object {key}"):
            span = f"bytes={start}-{start + size - 1}"
            answer = self._client.get_object(Bucket=self.bucket, Key=key, Range=span)
            content: bytes = answer["Body"].read()
        return content

    def head(self, key: str) -> ObjectInfo:
        """Raises ObjectMissing."""
        with translated(f"object {key}"):
            answer = self._client.head_object(Bucket=self.bucket, Key=key)
        return ObjectInfo(
            answer["ContentLength"],
            answer.get("ContentType", ""),
            answer.get("Metadata", {}).get(WRITTEN_BY, ""),
        )

    def delete(self, key: str) -> None:
        """Deletes the object if it exists."""
        with translated(f"object {key}"):
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def keys(self, prefix: str) -> list[str]:
        """The keys of all objects that begin with `prefix`."""
        return [each.key for each in self.objects(prefix)]

    def delete_all(self, prefix: str, older_than: float = math.inf) -> int:
        """Delete the objects whose keys begin with `prefix`, written before `older_than` (epoch
        seconds by the clock of the store); returns how many."""
        old = [each.key for each in self.objects(prefix) if each.modified_at < older_than]
        for key in old:
            self.delete(key)
        return len(old)

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose keys begin with `prefix`, in the order of keys, read page by page."""
        pages = self._client.get_paginator("list_objects_v2")
        with translated(f"bucket {self.bucket}"):
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                for each in page.get("Contents", []):
                    yield StoredObject(each["Key"], each["Size"], each["LastModified"].timestamp())

    def presigned_get(self, key: str, seconds: int, filename: str) -> str:
        """A URL for anybody to download the object from, saved under `filename`."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", filename).lstrip(".") or "audio"
        params = {
            "Bucket": self.bucket,
            "Key": key,
            "ResponseContentDisposition": f'attachment; filename="{safe}"',
        }
        return self._presign("get_object", params, seconds)

    def presigned_put(self, key: str, seconds: int, content_type: str, content_length: int) -> str:
        """A URL for one upload of exactly this many bytes of this type, which are both signed."""
        params = {
            "Bucket": self.bucket,
            "Key": key,
            "ContentType": content_type,
            "ContentLength": content_length,
        }
        return self._presign("put_object", params, seconds)

    def _presign(self, operation: str, params: dict[str, Any], seconds: int) -> str:
        with translated(f"object {params['Key']}"):
            url: str = self._public_client.generate_presigned_url(
                operation, Params=params, ExpiresIn=seconds
            )
        return url

    def open_writer(
        self,
        key: str,
        content_type: str,
        written_by: str = "",
        part_bytes: int | None = None,
        eager: bool = True,
    ) -> MultipartWriter:
        """A writer of an object, for use in a `with` block. `head` returns `written_by`, so an
        object of an earlier upload to the same key is not taken for this one. Without `eager` a
        small object takes one request."""
        size = part_bytes or self._part_bytes
        return MultipartWriter(
            self._client, self.bucket, key, content_type, written_by, size, eager
        )

    def list_multipart(self, prefix: str) -> list[MultipartUpload]:
        """Multipart uploads in progress, of keys that begin with `prefix`."""
        pages = self._client.get_paginator("list_multipart_uploads")
        with translated(f"bucket {self.bucket}"):
            return [
                MultipartUpload(each["Key"], each["UploadId"], each["Initiated"].timestamp())
                for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
                for each in page.get("Uploads", [])
            ]

    def abort_stale_multipart(self, prefix: str, older_than: float) -> int:
        """Aborts the multipart uploads begun before `older_than` (epoch seconds); returns how
        many."""
        stale = [each for each in self.list_multipart(prefix) if each.started_at < older_than]
        for each in stale:
            self.abort(each)
        return len(stale)

    def abort(self, upload: MultipartUpload) -> None:
        """Removes everything of the upload, unless it was complete before."""
        abort_multipart(self._client, self.bucket, upload.key, upload.upload_id)


def _client(settings: Settings, endpoint: str) -> Any:
    """A client of any S3. Without keys in the settings, AWS's default chain provides them."""
    access_key = settings.s3_access_key.get_secret_value() or None
    secret_key = settings.s3_secret_key.get_secret_value() or None
    # A session reads the description of S3, which takes long. It keeps keys of the chain for good.
    session = _session() if access_key and secret_key else boto3.session.Session()
    with _creating:
        return session.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=settings.s3_region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                max_pool_connections=_CONNECTIONS,
                # Not every S3 supports the newer checksums, and a presigned PUT cannot carry one.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )


_creating = threading.Lock()
"""Sessions create one client at a time."""


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()
