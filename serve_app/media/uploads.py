"""Uploads: places in the object store that users send recordings to, and what is read from them.

The store checks what a presigned URL signs: method, key, length, type and time. It lets the same
URL be used again until it expires, so that nothing found out about an object is final: whoever
uses a recording reads it anew, within bounds. For the same reason the row of a deleted upload
stays until no URL can bring its object back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import BoundedSemaphore

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import Session

from pipelines.audio.decoding import decode
from pipelines.audio.recording import Recording
from pipelines.audio.voice_activity import has_speech
from pipelines.protocol import InvalidInput
from serve_app.accounts.credits import lock_account
from serve_app.db.engine import Database
from serve_app.db.models import PENDING, Clip, RecordingUpload
from serve_app.errors import ApiError, invalid, not_found
from serve_app.ids import is_id, new_id
from serve_app.media.content_types import ADVICE, EXTENSIONS, UNREADABLE
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing, StoreError

logger = logging.getLogger("bernie.uploads")

PREFIX = "seed-vc-audio-uploads/"
FIELD = "upload"
SWEEP_BATCH_SIZE = 100
_DECODING = BoundedSemaphore(2)
"""Recordings decoded at a time in a process: the longest takes about 100 MB meanwhile."""
MAX_READERS = 8
"""Requests that may have a recording read at a time in a process: each takes up one of the 40
threads that answer all requests."""
_READERS = BoundedSemaphore(MAX_READERS)
BUSY_SECONDS = 5


def create(
    session: Session,
    user_id: str,
    content_type: str,
    size: int,
    max_bytes: int,
    max_uploads: int,
    now: float,
) -> RecordingUpload:
    """A place for a file of `size` bytes. 422 for a type or size that is not taken, 409
    `too_many_uploads` where the user has `max_uploads` already."""
    essence = content_type.partition(";")[0].strip().lower()
    extension = EXTENSIONS.get(essence)
    if extension is None:
        code = "unsupported_audio" if essence in UNREADABLE else "invalid_input"
        raise invalid("content_type", f"content_type must be {ADVICE}.", code)
    if not 1 <= size <= max_bytes:
        raise invalid("bytes", f"bytes must be between 1 and {max_bytes}.")
    lock_account(session, user_id)
    # Deleted ones count while their row is there: so long a link may bring the object back.
    count = select(func.count()).where(RecordingUpload.user_id == user_id)
    if session.scalars(count).one() >= max_uploads:
        message = (
            f"An account may have {max_uploads} uploads. Delete one; its place is free in a while."
        )
        raise ApiError(409, "too_many_uploads", message)
    upload_id = new_id()
    upload = RecordingUpload(
        id=upload_id,
        user_id=user_id,
        s3_key=f"{PREFIX}{upload_id}.{extension}",
        content_type=essence,
        bytes=size,
        created_at=now,
    )
    session.add(upload)
    session.flush()
    return upload


def find(session: Session, user_id: str, key_or_id: str, lock: bool = False) -> RecordingUpload:
    """404 `upload_not_found` for an unknown, deleted or foreign upload alike. With `lock` nobody
    else deletes it until the transaction ends."""
    upload_id = key_or_id.removeprefix(PREFIX).partition(".")[0]
    own = select(RecordingUpload).where(
        RecordingUpload.id == upload_id,
        RecordingUpload.user_id == user_id,
        RecordingUpload.deleted_at.is_(None),
    )
    if lock:
        own = own.with_for_update()
    upload = session.scalars(own).one_or_none() if is_id(upload_id) else None
    if upload is None:
        raise not_found("upload")
    if key_or_id not in (upload.id, upload.s3_key):
        raise not_found("upload")
    return upload


def delete(session: Session, user_id: str, upload_id: str, now: float) -> RecordingUpload:
    """Hide an upload. The caller removes its object unless it is `in_use`; `sweep` does the rest.
    404 as `find`."""
    upload = find(session, user_id, upload_id, lock=True)
    upload.deleted_at = now
    session.flush()
    return upload


_IN_USE = (
    select(Clip.id)
    .where(
        PENDING,
        Clip.user_id == RecordingUpload.user_id,
        Clip.original_voice_s3_key == RecordingUpload.s3_key,
    )
    .exists()
)


def in_use(session: Session, upload: RecordingUpload) -> bool:
    """Whether a pending clip is to be made from it."""
    return bool(session.scalars(select(_IN_USE).where(RecordingUpload.id == upload.id)).one())


def expired(
    session: Session, now: float, keep_seconds: float, link_seconds: float, limit: int
) -> list[RecordingUpload]:
    """Uploads whose time is over, hidden from now on: their objects may be removed.

    They are older than `keep_seconds` or deleted, no URL of `link_seconds` can write to them any
    more, and no pending clip names them.
    """
    over = or_(
        RecordingUpload.created_at <= now - max(keep_seconds, link_seconds),
        and_(
            RecordingUpload.deleted_at.is_not(None),
            RecordingUpload.created_at <= now - link_seconds,
        ),
    )
    oldest_first = (
        select(RecordingUpload).where(over, ~_IN_USE).order_by(RecordingUpload.created_at)
    )
    # Another worker may be removing the same ones.
    locked = oldest_first.limit(limit).with_for_update(skip_locked=True)
    found = list(session.scalars(locked))
    for upload in found:
        upload.deleted_at = upload.deleted_at or now
    session.flush()
    return found


def purge(session: Session, upload_id: str) -> None:
    """Remove the row of a deleted upload, when its object is gone."""
    session.execute(
        sql_delete(RecordingUpload).where(
            RecordingUpload.id == upload_id, RecordingUpload.deleted_at.is_not(None)
        )
    )


def sweep(
    database: Database,
    store: ObjectStore,
    settings: Settings,
    clock: Callable[[Session], float],
) -> None:
    """Removes uploads whose time is over, objects first. Raises StoreError."""
    keep, link = settings.upload_keep_seconds, settings.presign_seconds
    with database.transaction() as session:
        over = expired(session, clock(session), keep, link, SWEEP_BATCH_SIZE)
    for upload in over:
        store.delete(upload.s3_key)
        with database.transaction() as session:
            purge(session, upload.id)


def remove_object(store: ObjectStore, key: str) -> None:
    """Removes what was deleted, or leaves it to the sweep where the store fails."""
    try:
        store.delete(key)
    except StoreError:
        logger.warning("%s is deleted, its object is left to the sweep", key)


def read(
    store: ObjectStore, upload: RecordingUpload, longest_seconds: float, shortest_seconds: float
) -> Recording:
    """The recording in an upload, for a request. Raises InvalidInput for `upload`, with the codes
    of `fetch` and `wrong_size` where the object has not the size that was declared; 503 `busy`."""
    if not _READERS.acquire(blocking=False):
        message = "Too many recordings are being looked at. Try again in a moment."
        raise ApiError(503, "busy", message, retry_after=BUSY_SECONDS)
    try:
        return _read(store, upload, longest_seconds, shortest_seconds)
    finally:
        _READERS.release()


def _read(
    store: ObjectStore, upload: RecordingUpload, longest_seconds: float, shortest_seconds: float
) -> Recording:
    missing = "Nothing has been sent to this upload yet: PUT the file to its URL first."
    try:
        size = store.head(upload.s3_key).bytes
    except ObjectMissing as error:
        raise InvalidInput(FIELD, missing, "recording_missing") from error
    if size != upload.bytes:
        message = f"The file has {size} bytes instead of the {upload.bytes} that were declared."
        raise InvalidInput(FIELD, message, "wrong_size")
    return fetch(store, upload.s3_key, FIELD, longest_seconds, shortest_seconds)


def fetch(
    store: ObjectStore, key: str, field: str, longest_seconds: float, shortest_seconds: float
) -> Recording:
    """The recording under a key. Raises InvalidInput for `field`: `recording_missing`, and the
    codes of `decode`; StoreError."""
    with _DECODING:
        try:
            data = store.get(key)
        except ObjectMissing as error:
            message = f"The {field} recording is no longer there."
            raise InvalidInput(field, message, "recording_missing") from error
        return decode(data, field, longest_seconds, shortest_seconds)


def inspect(
    database: Database, store: ObjectStore, settings: Settings, upload: RecordingUpload
) -> float:
    """Length in seconds of the recording in an upload, within the limits of sources; found out
    once and remembered. Raises what `read` raises. Belongs outside of a transaction."""
    if upload.seconds is None:
        longest, shortest = settings.max_source_seconds, settings.min_source_seconds
        recording = read(store, upload, longest, shortest)
        if not has_speech(recording):
            message = "Nobody speaks in the upload recording: there is nothing to convert."
            raise InvalidInput(FIELD, message, "no_speech")
        upload.seconds = recording.seconds
        with database.transaction() as session:
            seconds = update(RecordingUpload).values(seconds=upload.seconds)
            session.execute(seconds.where(RecordingUpload.id == upload.id))
    return upload.seconds
