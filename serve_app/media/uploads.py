"""Uploads: object keys to which users send recordings, and reading those recordings.

The store checks what a presigned URL signs: method, key, length, type and time. The same URL can be
used again until it expires, so nothing found out about an object is final: every use of a recording
reads it again, within bounds. For the same reason the row of a deleted upload stays until no URL
can bring its object back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import BoundedSemaphore

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_, update
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
from serve_app.media.content_types import ADVICE, EXTENSIONS, MANIFESTS, UNREADABLE
from serve_app.media.removals import PAGE_SIZE, Position, Removals
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing

logger = logging.getLogger("bernie.uploads")

PREFIX = "seed-vc-audio-uploads/"
FIELD = "upload"
_RECEIVED = "bin"
_DECODING = BoundedSemaphore(2)
"""Recordings decoded at a time in a process: the longest takes about 100 MB meanwhile."""


def create(
    session: Session,
    user_id: str,
    content_type: str,
    size: int,
    max_bytes: int,
    max_uploads: int,
    now: float,
) -> RecordingUpload:
    """An upload for a file of `size` bytes. Raises ApiError 422 for an unaccepted type or size, and
    409 `too_many_uploads` where the user has `max_uploads` already."""
    essence = content_type.partition(";")[0].strip().lower()
    extension = EXTENSIONS.get(essence) or MANIFESTS.get(essence)
    if extension is None:
        code = "unsupported_audio" if essence in UNREADABLE else "invalid_input"
        raise invalid("content_type", f"content_type must be {ADVICE}.", code)
    if not 1 <= size <= max_bytes:
        raise invalid("bytes", f"bytes must be between 1 and {max_bytes}.")
    lock_account(session, user_id)
    require_place(session, user_id, max_uploads)
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


def require_place(session: Session, user_id: str, max_uploads: int) -> None:
    """Raises ApiError 409 `too_many_uploads` where the user has as many. Deleted uploads count
    while their row exists: until then a URL may bring the object back."""
    count = select(func.count()).where(RecordingUpload.user_id == user_id)
    if session.scalars(count).one() >= max_uploads:
        message = (
            f"An account may have {max_uploads} uploads. Delete one; its place is free in a while."
        )
        raise ApiError(409, "too_many_uploads", message)


def receive(
    database: Database,
    store: ObjectStore,
    settings: Settings,
    user_id: str,
    data: bytes,
    clock: Callable[[Session], float],
    content_type: str = "application/octet-stream",
) -> RecordingUpload:
    """An upload of a file that came within a request, of whatever kind. Nobody gets a URL to it, so
    that it counts as made when any URL would have expired: once it is deleted nothing is left of
    it. Raises ApiError 422 for no file, or one that is too large; StoreError."""
    if not 1 <= len(data) <= settings.max_upload_bytes:
        message = f"The recording must have 1 to {settings.max_upload_bytes} bytes."
        raise invalid("audio", message)
    upload_id = new_id()
    with database.transaction() as session:
        upload = RecordingUpload(
            id=upload_id,
            user_id=user_id,
            s3_key=f"{PREFIX}{upload_id}.{_RECEIVED}",
            content_type=content_type,
            bytes=len(data),
            created_at=clock(session) - settings.presign_seconds,
        )
        session.add(upload)
    store.put(upload.s3_key, data, upload.content_type)
    return upload


def find(session: Session, user_id: str, key_or_id: str, lock: bool = False) -> RecordingUpload:
    """Raises ApiError 404 `upload_not_found` for unknown, deleted and foreign uploads alike. With
    `lock` nobody else deletes it until the transaction ends."""
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


def list_manifests(
    session: Session, user_id: str, limit: int, before: RecordingUpload | None = None
) -> list[RecordingUpload]:
    """The user's manifests, newest first; with `before` those that are older."""
    place = tuple_(RecordingUpload.created_at, RecordingUpload.id)
    query = select(RecordingUpload).where(
        RecordingUpload.user_id == user_id,
        RecordingUpload.deleted_at.is_(None),
        RecordingUpload.content_type.in_(MANIFESTS),
    )
    if before is not None:
        query = query.where(place < tuple_(before.created_at, before.id))
    newest_first = query.order_by(RecordingUpload.created_at.desc(), RecordingUpload.id.desc())
    return list(session.scalars(newest_first.limit(limit)))


def delete(session: Session, user_id: str, upload_id: str, now: float) -> RecordingUpload:
    """Hide an upload; the sweep removes its object once no clip needs it. 404 as `find`."""
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


def expired(
    session: Session, now: float, keep_seconds: float, link_seconds: float, after: Position
) -> list[RecordingUpload]:
    """The next uploads whose time is over, hidden from now on: their objects may be removed.

    They are older than `keep_seconds` or deleted, no URL of `link_seconds` can write to them, and
    no pending clip names them.
    """
    over = or_(
        RecordingUpload.created_at <= now - max(keep_seconds, link_seconds),
        and_(
            RecordingUpload.deleted_at.is_not(None),
            RecordingUpload.created_at <= now - link_seconds,
        ),
    )
    # Whoever else changes one at the moment deletes it, or begins a clip with it.
    found = list(session.scalars(_next(over, after).with_for_update(skip_locked=True)))
    for upload in found:
        upload.deleted_at = upload.deleted_at or now
    session.flush()
    return found


def _next(which: ColumnElement[bool], after: Position) -> Select[RecordingUpload]:
    place = tuple_(RecordingUpload.created_at, RecordingUpload.id)
    return (
        select(RecordingUpload)
        .where(which, place > tuple_(*after), ~_IN_USE)
        .order_by(RecordingUpload.created_at, RecordingUpload.id)
        .limit(PAGE_SIZE)
    )


def purge(session: Session, upload_id: str) -> None:
    """Removes the row of a deleted upload, once its object is removed."""
    session.execute(
        sql_delete(RecordingUpload).where(
            RecordingUpload.id == upload_id, RecordingUpload.deleted_at.is_not(None)
        )
    )


def remove_deleted(
    database: Database,
    store: ObjectStore,
    clock: Callable[[Session], float],
    removals: Removals,
) -> None:
    """Removes the objects of uploads that were deleted since the last time; their rows stay until
    no URL can bring the objects back."""
    fresh = and_(RecordingUpload.deleted_at.is_not(None), RecordingUpload.removed_at.is_(None))

    def page(after: Position) -> list[RecordingUpload]:
        with database.reading() as session:
            return list(session.scalars(_next(fresh, after)))

    def remove(upload: RecordingUpload) -> None:
        store.delete(upload.s3_key)
        with database.transaction() as session:
            own = update(RecordingUpload).where(RecordingUpload.id == upload.id)
            session.execute(own.values(removed_at=clock(session)))

    removals.each("deleted upload", page, _position, remove)


def sweep(
    database: Database,
    store: ObjectStore,
    settings: Settings,
    clock: Callable[[Session], float],
    removals: Removals,
) -> None:
    """Removes uploads whose time is over, objects first."""
    keep, link = settings.upload_keep_seconds, settings.presign_seconds

    def page(after: Position) -> list[RecordingUpload]:
        with database.transaction() as session:
            return expired(session, clock(session), keep, link, after)

    def remove(upload: RecordingUpload) -> None:
        store.delete(upload.s3_key)
        with database.transaction() as session:
            purge(session, upload.id)

    removals.each("upload", page, _position, remove)


def _position(upload: RecordingUpload) -> Position:
    return upload.created_at, upload.id


def read(
    store: ObjectStore, upload: RecordingUpload, longest_seconds: float, shortest_seconds: float
) -> Recording:
    """The recording in an upload, for a request. Raises InvalidInput for `upload`, with the codes
    of `fetch` and `wrong_size` where the object has not the size that was declared."""
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
    """The recording under a key. Raises InvalidInput for `field`, with `recording_missing` and the
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
    """Length in seconds of the recording in an upload, within the limits of sources. Reads it once
    and stores the length. Raises what `read` raises. Call it outside of transactions."""
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
