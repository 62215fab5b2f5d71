"""From an uploaded manifest to a batch: what is found out before anything of it is held."""

from __future__ import annotations

import hashlib
import io
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from serve_app.accounts import credits
from serve_app.db.models import Batch, RecordingUpload, User
from serve_app.errors import invalid
from serve_app.http.app_state import AppState
from serve_app.ids import new_id
from serve_app.media import uploads
from serve_app.media.batches import manifest, records
from serve_app.media.batches.leftovers import PREFIX
from serve_app.media.batches.manifest import Measure
from serve_app.media.batches.places import ObjectPlace, ObjectReader
from serve_app.media.batches.records import NewBatch
from serve_app.media.content_types import MANIFESTS
from serve_app.storage.store_errors import ObjectMissing


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What a user asks for. `shape` is how the lines are written: `lines`, or `openai`."""

    upload: str
    format: str | None
    options: dict[str, Any]
    partial: bool = False
    expires_in_seconds: int | None = None
    key: str | None = None
    """The same key is the same batch."""
    same_since: float | None = None
    """As `records.NewBatch` has it."""


def submit(state: AppState, user: User, asked: BatchRequest) -> Batch:
    """Accepts a batch of the user's upload, whose lines a worker checks next. Raises ApiError 404
    `upload_not_found`; 422 `manifest_missing`, `wrong_size`, `empty_manifest`, `not_gzip`,
    `too_many_lines`, `manifest_too_large`; and what `records.accept` raises.

    The manifest is copied first: its sender could still replace the upload.
    """
    settings, store = state.settings, state.store
    named = new_id() if asked.key is None else hashlib.sha256(asked.key.encode()).hexdigest()[:32]
    batch_id = records.id_of(user.id, named)
    with state.database.reading() as session:
        upload = uploads.find(session, user.id, asked.upload)
        earlier = session.get(Batch, batch_id)
        if earlier is None:
            records.require_place(session, user.id, settings)
            credits.require_available(session, user, settings.clip_credits, "line")
    ending = _ending(upload, asked.format)
    # A repeated request, perhaps at the same time, has a copy of its own, and removes no other's.
    key = f"{PREFIX}{batch_id}/manifest.{new_id()}.{ending}"
    copy = ObjectPlace(settings.s3_bucket, key)
    accepted = False
    try:
        found = _measured(state, upload, copy.key)
        with state.database.transaction() as session:
            now = state.clock(session)
            lasts = asked.expires_in_seconds
            new = NewBatch(
                name=named,
                manifest=str(copy),
                manifest_sha256=found.sha256,
                output=str(ObjectPlace(settings.s3_bucket, f"{PREFIX}{batch_id}/")),
                options=asked.options,
                lines=found.lines,
                line_credits=settings.clip_credits,
                partial=asked.partial,
                expires_at=None if lasts is None else now + lasts,
                by_service=True,
                same_since=asked.same_since,
            )
            batch, accepted = records.accept(session, user.id, new, settings, now)
        return batch
    finally:
        if not accepted:
            store.delete(copy.key)


def _ending(upload: RecordingUpload, given: str | None) -> str:
    """The ending of the manifest's name. Raises ApiError 422 where there is none for it."""
    found = MANIFESTS.get(upload.content_type)
    if found is None and given is None:
        names = ", ".join(MANIFESTS)
        raise invalid("upload", f"The upload is no manifest: declare it as one of {names}.")
    if found is not None and found.endswith(".gz"):
        return f"{given or 'jsonl'}.gz"
    return given or cast(str, found)


def _measured(state: AppState, upload: RecordingUpload, key: str) -> Measure:
    settings, store = state.settings, state.store
    try:
        size = store.head(upload.s3_key).bytes
        if size != upload.bytes:
            message = f"The file has {size} bytes instead of the {upload.bytes} that were declared."
            raise invalid("upload", message, "wrong_size")
        store.copy(settings.s3_bucket, upload.s3_key, key)
        reader = ObjectReader(store, key)
    except ObjectMissing as error:
        message = "Nothing has been sent to this upload yet: PUT the manifest to its URL first."
        raise invalid("upload", message, "manifest_missing") from error
    kind = manifest.format_of(key)
    most, largest = settings.max_batch_lines, settings.max_manifest_bytes
    with closing(io.BufferedReader(reader, 1024 * 1024)) as stream:
        try:
            found = manifest.measure(cast(BinaryIO, stream), key, kind, most, largest)
        except manifest.TooManyLines as error:
            raise records.too_many_lines(settings) from error
        except manifest.TooLarge as error:
            message = f"A manifest may have {largest} bytes when it is unpacked."
            raise invalid("upload", message, "manifest_too_large") from error
    if found.lines == 0:
        raise invalid("upload", "The manifest has no lines.", "empty_manifest")
    return found
