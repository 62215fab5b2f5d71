"""The object store: any S3 through boto3. Keys, presigned URLs, and uploads that grow."""

from __future__ import annotations

import io
import logging
import math
import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import boto3
from botocore import exceptions
from botocore.config import Config

from pipelines.audio import FORMATS
from serve_app.settings import Settings

logger = logging.getLogger(__name__)

RESULT_PREFIXES = {
    "styletts2": "styletts2-output/",
    "seedvc": "seedvc-outputs/",
    "make-an-audio": "make-an-audio-outputs/",
}

_CONNECT_SECONDS = 3
_READ_SECONDS = 20
_ATTEMPTS = 3
_CONNECTIONS = 32
_PARTS_IN_FLIGHT = 2
_BUSY = {"SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError"}


class StoreError(Exception):
    """The object store refused a request."""


class StoreUnavailable(StoreError):
    """The object store cannot be reached or is busy: the same request may succeed later."""


class ObjectMissing(StoreError):
    """There is no object of that key, or no bucket of that name."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    bytes: int
    content_type: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing of the store tells of it."""

    key: str
    bytes: int
    modified_at: float
    """Epoch seconds, by the clock of the store."""


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """A multipart upload that is neither complete nor aborted."""

    key: str
    upload_id: str
    started_at: float
    """Epoch seconds, by the clock of the store."""


def result_key(service: str, clip_id: str, format_name: str) -> str:
    """Where the result of a clip lies. A second try of the clip writes to the same key."""
    return f"{RESULT_PREFIXES[service]}{clip_id}.{FORMATS[format_name].extension}"


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turns the errors of boto3 into the three above. `what` is named where it is missing."""
    try:
        yield
    except exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}:
            raise ObjectMissing(f"The object store has no {what}.") from error
        if status >= 500 or status == 429 or code in _BUSY:
            raise StoreUnavailable(f"The object store is busy ({code}).") from error
        raise StoreError(f"The object store refused {error.operation_name}: {code}.") from error
    except (
        exceptions.ConnectionError,
        exceptions.HTTPClientError,
        exceptions.IncompleteReadError,
    ) as error:
        raise StoreUnavailable(f"The object store cannot be reached: {error}") from error
    except exceptions.BotoCoreError as error:
        raise StoreError(f"The object store cannot be used: {error}") from error


class ObjectStore:
    """One bucket. Safe to use from several threads. Every method may raise StoreError."""

    def __init__(self, settings: Settings) -> None:
        self._bucket = settings.s3_bucket
        self._region = settings.s3_region
        self._part_bytes = settings.s3_part_bytes
        self._client = _client(settings, settings.s3_endpoint)
        public = settings.s3_public_endpoint
        self._public_client = _client(settings, public) if public else self._client

    def ready(self) -> None:
        """Raises unless the bucket is there and open to us."""
        with _translated(f"bucket {self._bucket}"):
            self._client.head_bucket(Bucket=self._bucket)

    def ensure_bucket(self) -> None:
        """Make the bucket unless it is there; several processes may do so at once."""
        try:
            self.ready()
        except ObjectMissing:
            with _translated(f"bucket {self._bucket}"):
                self._create_bucket()

    def _create_bucket(self) -> None:
        options: dict[str, Any] = {"Bucket": self._bucket}
        if self._region != "us-east-1":
            options["CreateBucketConfiguration"] = {"LocationConstraint": self._region}
        try:
            self._client.create_bucket(**options)
        except self._client.exceptions.BucketAlreadyOwnedByYou:
            logger.info("Another process made the bucket %s first.", self._bucket)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        with _translated(f"object {key}"):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=data, ContentType=content_type
            )

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectMissing."""
        with _translated(f"object {key}"):
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            content: bytes = answer["Body"].read()
        return content

    def get_range(self, key: str, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start`, which lies within the object. Raises ObjectMissing."""
        with _translated(f"object {key}"):
            span = f"bytes={start}-{start + size - 1}"
            answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=span)
            content: bytes = answer["Body"].read()
        return content

    def head(self, key: str) -> ObjectInfo:
        """Raises ObjectMissing."""
        with _translated(f"object {key}"):
            answer = self._client.head_object(Bucket=self._bucket, Key=key)
        return ObjectInfo(answer["ContentLength"], answer.get("ContentType", ""))

    def delete(self, key: str) -> None:
        """The object is gone afterwards, whether or not it was there."""
        with _translated(f"object {key}"):
            self._client.delete_object(Bucket=self._bucket, Key=key)

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
        with _translated(f"bucket {self._bucket}"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for each in page.get("Contents", []):
                    yield StoredObject(each["Key"], each["Size"], each["LastModified"].timestamp())

    def presigned_get(self, key: str, seconds: int, filename: str) -> str:
        """A URL that anyone may download the object from, saved under `filename`."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", filename).lstrip(".") or "audio"
        params = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentDisposition": f'attachment; filename="{safe}"',
        }
        return self._presign("get_object", params, seconds)

    def presigned_put(self, key: str, seconds: int, content_type: str, content_length: int) -> str:
        """A URL for one upload of just this many bytes of this type, both part of the signature."""
        params = {
            "Bucket": self._bucket,
            "Key": key,
            "ContentType": content_type,
            "ContentLength": content_length,
        }
        return self._presign("put_object", params, seconds)

    def _presign(self, operation: str, params: dict[str, Any], seconds: int) -> str:
        with _translated(f"object {params['Key']}"):
            url: str = self._public_client.generate_presigned_url(
                operation, Params=params, ExpiresIn=seconds
            )
        return url

    def open_upload(self, key: str, content_type: str, part_bytes: int | None = None) -> Upload:
        """An object to be written piece by piece; use it in a `with` block."""
        return Upload(self._client, self._bucket, key, content_type, part_bytes or self._part_bytes)

    def list_uploads(self, prefix: str) -> list[PendingUpload]:
        """Multipart uploads under way, of keys that begin with `prefix`."""
        pages = self._client.get_paginator("list_multipart_uploads")
        with _translated(f"bucket {self._bucket}"):
            return [
                PendingUpload(each["Key"], each["UploadId"], each["Initiated"].timestamp())
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
                for each in page.get("Uploads", [])
            ]

    def abort_stale_uploads(self, prefix: str, older_than: float) -> int:
        """Abort the uploads begun before `older_than` (epoch seconds); returns how many."""
        stale = [each for each in self.list_uploads(prefix) if each.started_at < older_than]
        for each in stale:
            self.abort(each)
        return len(stale)

    def abort(self, upload: PendingUpload) -> None:
        """Nothing of the upload is left afterwards, unless it was complete before."""
        _abort(self._client, self._bucket, upload.key, upload.upload_id)


def _client(settings: Settings, endpoint: str) -> Any:
    """A client that speaks to any S3. Without keys in the settings, AWS's own chain gives them."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key.get_secret_value() or None,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value() or None,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=_CONNECTIONS,
            # Not every S3 knows the newer checksums, and a presigned PUT could not carry one.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _abort(client: Any, bucket: str, key: str, upload_id: str) -> None:
    with _translated(f"upload of {key}"):
        try:
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        except client.exceptions.NoSuchUpload:
            logger.debug("The upload of %s had ended already.", key)


class Upload:
    """A multipart upload, written like a file and seen under its key only once complete.

    The first part is held back until the end, so that the start of the file can be rewritten:
    headers state sizes that are known last. Each later part is sent as soon as it is full, by
    a thread of its own, two at a time at most: then `write` waits. It holds four parts in memory
    at most. For use by one thread at a time.
    """

    def __init__(
        self, client: Any, bucket: str, key: str, content_type: str, part_bytes: int
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._content_type = content_type
        self._part_bytes = part_bytes
        self._first = bytearray()
        self._rest = bytearray()
        self._rest_start = part_bytes
        self._position = 0
        self._sender = ThreadPoolExecutor(_PARTS_IN_FLIGHT, thread_name_prefix="upload")
        self._upload_id: Future[str] | None = None
        self._parts: list[Future[dict[str, Any]]] = []
        self._closed = False

    @property
    def size(self) -> int:
        """Bytes written so far."""
        if len(self._first) < self._part_bytes:
            return len(self._first)
        return self._rest_start + len(self._rest)

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move within what has been written. Raises io.UnsupportedOperation elsewhere."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if not 0 <= base + offset <= self.size:
            raise io.UnsupportedOperation("A position outside of what has been written.")
        self._position = base + offset
        return self._position

    def write(self, data: bytes) -> int:
        """Write at the position: in the first part, or at the end.

        Begins the upload. Raises io.UnsupportedOperation over a part that is sent already, and
        StoreError if the sending of an earlier part failed.
        """
        self._require_open()
        if self._upload_id is None:
            self._upload_id = self._sender.submit(self._create)
        held_back = max(0, self._part_bytes - self._position)
        head, tail = data[:held_back], data[held_back:]
        self._first[self._position : self._position + len(head)] = head
        self._position += len(head)
        if tail:
            at = self._position - self._rest_start
            if at < 0:
                raise io.UnsupportedOperation("This part of the file has been sent already.")
            self._rest[at : at + len(tail)] = tail
            self._position += len(tail)
        while len(self._rest) >= self._part_bytes:
            self._send_later_part(self._part_bytes)
        return len(data)

    def complete(self) -> int:
        """Send what is left and make the object appear; returns its size in bytes."""
        self._require_open()
        if self._upload_id is None:
            raise ValueError("Nothing has been written.")
        if self._rest:
            self._send_later_part(len(self._rest))
        first = self._sender.submit(self._send, 1, bytes(self._first))
        parts = [first.result(), *(part.result() for part in self._parts)]
        with _translated(f"upload of {self._key}"):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id.result(),
                MultipartUpload={"Parts": parts},
            )
        self._closed = True
        self._sender.shutdown()
        return self.size

    def abort(self) -> None:
        """Give up: nothing of it stays in the store. Does nothing once complete or aborted."""
        if self._closed:
            return
        self._closed = True
        # A part that arrives after the abort would stay, so the sending ends first.
        self._sender.shutdown(cancel_futures=True)
        created = self._upload_id
        if created is not None and not created.cancelled() and created.exception() is None:
            _abort(self._client, self._bucket, self._key, created.result())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Abort unless complete. If that fails, the upload is left for `abort_stale_uploads`."""
        try:
            self.abort()
        except StoreError as failure:
            logger.warning("The upload of %s could not be aborted: %s", self._key, failure)

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("The upload has ended.")

    def _create(self) -> str:
        with _translated(f"bucket {self._bucket}"):
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self._key, ContentType=self._content_type
            )
        upload_id: str = answer["UploadId"]
        return upload_id

    def _send_later_part(self, size: int) -> None:
        """Hand the start of `_rest` to the sender once there is room; raises its failures."""
        if len(self._parts) >= _PARTS_IN_FLIGHT:
            self._parts[-_PARTS_IN_FLIGHT].result()
        data = bytes(self._rest[:size])
        del self._rest[:size]
        self._rest_start += size
        self._parts.append(self._sender.submit(self._send, len(self._parts) + 2, data))

    def _send(self, number: int, data: bytes) -> dict[str, Any]:
        assert self._upload_id is not None  # noqa: S101 - parts follow the first write
        with _translated(f"upload of {self._key}"):
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id.result(),
                PartNumber=number,
                Body=data,
            )
        return {"PartNumber": number, "ETag": answer["ETag"]}
