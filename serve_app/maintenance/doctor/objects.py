"""Checks that every row has its object, and every object its row.

Rows and objects are merged in the order of their keys. Both change meanwhile, so a mismatch is
checked again by itself before it becomes a finding.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute

from pipelines.audio.decoding import decode
from pipelines.protocol import InvalidInput
from serve_app.db.models import Clip, RecordingUpload, Voice
from serve_app.ids import is_id
from serve_app.maintenance.doctor.check_context import CheckContext, Finding
from serve_app.media import uploads, voices
from serve_app.storage.object_keys import RESULT_PREFIXES, id_in, result_key_of
from serve_app.storage.store import StoredObject
from serve_app.storage.store_errors import ObjectMissing

_SLACK_SECONDS = 0.2
"""MP3 and Opus pad what they encode."""


class Presence(enum.Enum):
    """Whether the object of a row exists."""

    REQUIRED = enum.auto()
    ALLOWED = enum.auto()
    FORBIDDEN = enum.auto()


@dataclass(frozen=True, slots=True)
class ExpectedObject:
    """The object that a row describes."""

    key: str
    presence: Presence
    bytes: int | None = None
    seconds: float | None = None
    """Length of the audio, where known."""


@dataclass(frozen=True, slots=True)
class ExpectedObjects:
    """The objects under a prefix, as the rows of a table describe them. Rows are in the order of
    `id`, and thereby of keys: a key is the prefix, the id of the row and an extension."""

    prefix: str
    query: Select[*tuple[Any, ...]]
    id: InstrumentedAttribute[str]
    read: Callable[[Any], ExpectedObject]

    def rows(self, context: CheckContext) -> Iterator[ExpectedObject]:
        return map(self.read, context.rows(self.query, self.id))

    def row(self, context: CheckContext, key: str) -> ExpectedObject | None:
        """The object described by the row that `key` belongs to, as it is now."""
        row_id = id_in(key)
        with context.database.reading() as session:
            row = session.execute(self.query.where(self.id == row_id)).one_or_none()
        return None if row is None else self.read(row)


def results(context: CheckContext) -> Iterator[Finding]:
    """Every succeeded clip has its audio, and no other object lies under the result prefixes."""
    for service, prefix in RESULT_PREFIXES.items():
        query = select(
            Clip.id,
            Clip.service,
            Clip.s3_key,
            Clip.failed,
            Clip.deleted_at,
            Clip.bytes,
            Clip.audio_seconds,
            Clip.options["format"].as_string().label("format"),
        ).where(Clip.service == service)
        yield from _compare(context, ExpectedObjects(prefix, query, Clip.id, _of_clip))


def _of_clip(row: Any) -> ExpectedObject:
    if row.s3_key is not None:
        presence = Presence.REQUIRED if row.deleted_at is None else Presence.ALLOWED
        return ExpectedObject(row.s3_key, presence, row.bytes, row.audio_seconds)
    key = result_key_of(row.service, row.id, row.format)
    return ExpectedObject(key, Presence.FORBIDDEN if row.failed else Presence.ALLOWED)


def recordings(context: CheckContext) -> Iterator[Finding]:
    """Every inspected upload has its object, and no other object lies there."""
    query = select(
        RecordingUpload.id,
        RecordingUpload.s3_key,
        RecordingUpload.seconds,
        RecordingUpload.deleted_at,
        RecordingUpload.bytes,
    )
    yield from _compare(
        context, ExpectedObjects(uploads.PREFIX, query, RecordingUpload.id, _of_upload)
    )


def _of_upload(row: Any) -> ExpectedObject:
    kept = row.seconds is not None and row.deleted_at is None
    return ExpectedObject(row.s3_key, Presence.REQUIRED if kept else Presence.ALLOWED, row.bytes)


def own_voices(context: CheckContext) -> Iterator[Finding]:
    """Every user's own voice has its recording, and no other object lies there."""
    query = select(Voice.id, Voice.s3_key, Voice.seconds, Voice.deleted_at)
    yield from _compare(context, ExpectedObjects(voices.PREFIX, query, Voice.id, _of_voice))


def _of_voice(row: Any) -> ExpectedObject:
    presence = Presence.REQUIRED if row.deleted_at is None else Presence.ALLOWED
    return ExpectedObject(row.s3_key, presence, seconds=row.seconds)


def _delete(context: CheckContext, key: str) -> bool:
    context.store.delete(key)
    return True


def _compare(context: CheckContext, expected: ExpectedObjects) -> Iterator[Finding]:
    before = context.before()
    for row, stored in side_by_side(expected.rows(context), context.store.objects(expected.prefix)):
        context.examined.add()
        key = row.key if row is not None else stored.key if stored is not None else ""
        problem = _problem(row, stored, before)
        if problem is not None:
            # The row or the object may have changed between the listing and the query.
            row, stored = expected.row(context, key), _stored(context, key)
            problem = _problem(row, stored, before)
        if (
            problem is None
            and context.deep
            and row is not None
            and row.presence is Presence.REQUIRED
        ):
            problem = _undecodable(context, row)
        if problem is not None:
            yield Finding(f"object {key}", problem, _repair(context, expected, key, row, before))


def side_by_side(
    rows: Iterator[ExpectedObject], objects: Iterator[StoredObject]
) -> Iterator[tuple[ExpectedObject | None, StoredObject | None]]:
    """Merges both by key, in whose order they come: pairs of equal keys, and each unpaired one with
    None."""
    row, stored = next(rows, None), next(objects, None)
    while row is not None or stored is not None:
        if stored is None or (row is not None and row.key < stored.key):
            yield row, None
            row = next(rows, None)
        elif row is None or stored.key < row.key:
            yield None, stored
            stored = next(objects, None)
        else:
            yield row, stored
            row, stored = next(rows, None), next(objects, None)


def _problem(row: ExpectedObject | None, stored: StoredObject | None, before: float) -> str | None:
    """What is wrong with a row and the object under its key, of which one may be absent."""
    if row is not None and row.presence is Presence.REQUIRED:
        if stored is None:
            return "is missing"
        if row.bytes is not None and stored.bytes != row.bytes:
            return f"has {stored.bytes} bytes instead of {row.bytes}"
    elif _is_left_over(row, stored, before):
        return "belongs to nothing"
    return None


def _is_left_over(row: ExpectedObject | None, stored: StoredObject | None, before: float) -> bool:
    wanted = row is not None and row.presence is not Presence.FORBIDDEN
    return stored is not None and stored.modified_at < before and not wanted


def _stored(context: CheckContext, key: str) -> StoredObject | None:
    return next((each for each in context.store.objects(key) if each.key == key), None)


def _undecodable(context: CheckContext, row: ExpectedObject) -> str | None:
    if row.seconds is None:
        return None
    try:
        data = context.store.get(row.key)
        seconds = decode(data, "audio", row.seconds + _SLACK_SECONDS).seconds
    except ObjectMissing:
        return None  # deleted just now; if not, the listing finds it
    except InvalidInput as error:
        return f"does not decode: {error.message}"
    if abs(seconds - row.seconds) > _SLACK_SECONDS:
        return f"lasts {seconds:.2f} seconds instead of {row.seconds:.2f}"
    return None


def _repair(
    context: CheckContext,
    expected: ExpectedObjects,
    key: str,
    row: ExpectedObject | None,
    before: float,
) -> Callable[[], bool] | None:
    """Only left-over objects are removed, and only under names that the service gives."""
    if (row is not None and row.presence is Presence.REQUIRED) or not is_id(id_in(key)):
        return None

    def remove() -> bool:
        left_over = _is_left_over(expected.row(context, key), _stored(context, key), before)
        return left_over and _delete(context, key)

    return remove
