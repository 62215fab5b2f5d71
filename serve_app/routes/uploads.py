"""Uploads: a URL to send a recording to, and its state."""

from __future__ import annotations

from fastapi import APIRouter, Response

from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.openapi import WITH_BODY, errors
from serve_app.http.schemas.common import moment
from serve_app.http.schemas.recordings import CreatedUploadOut, NewUpload, UploadOut
from serve_app.http.work import reads, writes
from serve_app.media import uploads
from serve_app.media.content_types import is_manifest

router = APIRouter(prefix="/api/uploads", tags=["uploads"])


@router.post(
    "",
    status_code=201,
    summary="Get a URL to send a recording to",
    responses=errors(401, 403, 409, *WITH_BODY),
)
@writes
def create_upload(body: NewUpload, user: CurrentUser, state: StateDep) -> CreatedUploadOut:
    """PUT the file to `url` with the `headers` given, before `expires_at`. It is kept for a week
    unless the server is set otherwise, and longer while a pending clip needs it. A manifest of a
    batch is uploaded so too, as `application/x-ndjson`, `text/csv` or `application/gzip`."""
    settings = state.settings
    manifest = is_manifest(body.content_type)
    with state.database.transaction() as session:
        now = state.clock(session)
        upload = uploads.create(
            session,
            user.id,
            body.content_type,
            body.bytes,
            settings.max_manifest_bytes if manifest else settings.max_upload_bytes,
            settings.max_uploads,
            now,
        )
    seconds = settings.presign_seconds
    return CreatedUploadOut(
        id=upload.id,
        key=upload.s3_key,
        url=state.store.presigned_put(upload.s3_key, seconds, upload.content_type, upload.bytes),
        headers={"Content-Type": upload.content_type},
        expires_at=moment(now + seconds),
    )


@router.get("/{upload_id}", summary="One upload", responses=errors(401, 403, 404))
@reads
def get_upload(upload_id: str, user: CurrentUser, state: StateDep) -> UploadOut:
    """What was declared, and the length of the recording once it has been used."""
    with state.database.reading() as session:
        upload = uploads.find(session, user.id, upload_id)
    return UploadOut.of(upload)


@router.delete(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    summary="Delete an upload",
    responses=errors(401, 403, 404),
)
@writes
def delete_upload(upload_id: str, user: CurrentUser, state: StateDep) -> None:
    """Clips that are pending already are still made from it."""
    with state.database.transaction() as session:
        uploads.delete(session, user.id, upload_id, state.clock(session))
