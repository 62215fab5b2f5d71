"""Multipart writers: objects that are written while they are produced."""

from __future__ import annotations

import io
import logging
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from serve_app.storage.store_errors import StoreError, translated

logger = logging.getLogger(__name__)

WRITTEN_BY = "written-by"
"""Name of the metadata entry that says who wrote an object."""
_PARTS_IN_FLIGHT = 2


def abort_multipart(client: Any, bucket: str, key: str, upload_id: str) -> None:
    with translated(f"upload of {key}"):
        try:
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        except client.exceptions.NoSuchUpload:
            logger.debug("The upload of %s had ended already.", key)


class MultipartWriter:
    """A multipart upload, written like a file. The object appears under its key once complete. One
    that is not `eager` begins with its second part, and what fits into one is a plain object.

    The first part is held back until the end, so that headers, which state sizes that are known
    last, can be rewritten. Each later part is sent by a thread of its own as soon as it is full;
    `write` waits while two are in flight. At most four parts are in memory. For use by one thread
    at a time.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        key: str,
        content_type: str,
        written_by: str,
        part_bytes: int,
        eager: bool = True,
    ) -> None:
        self._eager = eager
        self._client = client
        self._bucket = bucket
        self._key = key
        self._content_type = content_type
        self._written_by = written_by
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
    def begun(self) -> bool:
        """Whether there is a multipart upload, or will be."""
        return self._upload_id is not None

    @property
    def size(self) -> int:
        """Bytes written so far."""
        if len(self._first) < self._part_bytes:
            return len(self._first)
        return self._rest_start + len(self._rest)

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves within what has been written. Raises io.UnsupportedOperation elsewhere."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if not 0 <= base + offset <= self.size:
            raise io.UnsupportedOperation("A position outside of what has been written.")
        self._position = base + offset
        return self._position

    def write(self, data: bytes) -> int:
        """Writes at the position: in the first part, or at the end.

        The first call begins the upload, if it is `eager`. Raises io.UnsupportedOperation over a
        sent part, and StoreError if an earlier part could not be sent.
        """
        self._require_open()
        held_back = max(0, self._part_bytes - self._position)
        if self._upload_id is None and (self._eager or len(data) > held_back):
            self._upload_id = self._sender.submit(self._create)
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
        """Sends what is left and makes the object appear; returns its size in bytes."""
        self._require_open()
        if self.size == 0:
            raise ValueError("Nothing has been written.")
        if self._upload_id is None:
            self._put()
            return self.size
        if self._rest:
            self._send_later_part(len(self._rest))
        first = self._sender.submit(self._send, 1, bytes(self._first))
        parts = [first.result(), *(part.result() for part in self._parts)]
        with translated(f"upload of {self._key}"):
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
        """Gives up: nothing of the upload stays in the store. Does nothing once complete or
        aborted."""
        if self._closed:
            return
        self._closed = True
        # A part that arrives after the abort would stay, so sending ends first.
        self._sender.shutdown(cancel_futures=True)
        created = self._upload_id
        if created is not None and not created.cancelled() and created.exception() is None:
            abort_multipart(self._client, self._bucket, self._key, created.result())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Aborts unless complete. If that fails, the upload is left to `abort_stale_multipart`."""
        try:
            self.abort()
        except StoreError as failure:
            logger.warning("The upload of %s could not be aborted: %s", self._key, failure)

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("The upload has ended.")

    def _create(self) -> str:
        with translated(f"bucket {self._bucket}"):
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                ContentType=self._content_type,
                Metadata={WRITTEN_BY: self._written_by} if self._written_by else {},
            )
        upload_id: str = answer["UploadId"]
        return upload_id

    def _put(self) -> None:
        with translated(f"upload of {self._key}"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key,
                Body=bytes(self._first),
                ContentType=self._content_type,
                Metadata={WRITTEN_BY: self._written_by} if self._written_by else {},
            )
        self._closed = True
        self._sender.shutdown()

    def _send_later_part(self, size: int) -> None:
        """Hands the start of `_rest` to the sender once there is room; raises its failures."""
        if len(self._parts) >= _PARTS_IN_FLIGHT:
            self._parts[-_PARTS_IN_FLIGHT].result()
        data = bytes(self._rest[:size])
        del self._rest[:size]
        self._rest_start += size
        self._parts.append(self._sender.submit(self._send, len(self._parts) + 2, data))

    def _send(self, number: int, data: bytes) -> dict[str, Any]:
        assert self._upload_id is not None  # noqa: S101 - parts follow the first write
        with translated(f"upload of {self._key}"):
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id.result(),
                PartNumber=number,
                Body=data,
            )
        return {"PartNumber": number, "ETag": answer["ETag"]}
