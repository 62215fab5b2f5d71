"""How a clip of any service is accepted."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header, Response

from pipelines import registry
from pipelines.audio.containers import check_format
from pipelines.voices.shipped_voices import catalogue
from serve_app import catalog
from serve_app.accounts import credits
from serve_app.bulkheads import Bulkhead
from serve_app.db.models import Clip, User
from serve_app.http.app_state import AppState
from serve_app.http.clip_view import show
from serve_app.http.openapi import WITH_BODY, errors
from serve_app.http.schemas.common import ClipOut, IdempotencyKey
from serve_app.http.schemas.submissions import ClipOptions
from serve_app.jobs import admission
from serve_app.media import clips, voices
from serve_app.media.clips import NewClip

IdempotencyHeader = Annotated[
    IdempotencyKey | None,
    Header(
        alias="Idempotency-Key",
        description="Repeating a request with the same key gives the same clip, charged once.",
        examples=["5d3c7f0e-order-17"],
    ),
]


def accepted(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that submits a clip and may also answer `statuses`."""
    location = {"description": "Where to ask after the clip.", "schema": {"type": "string"}}
    return {
        202: {
            "description": "The clip waits in the queue",
            "headers": {"Location": location},
        },
        **errors(401, 402, 403, 409, 429, *WITH_BODY, *statuses),
    }


def check(service: str, request: Any, body: ClipOptions, state: AppState) -> None:
    """Whether the service runs and can serve the request. Raises ApiError, InvalidInput."""
    settings = state.settings
    pipeline = catalog.require(service, settings)
    check_format(body.format, body.sample_rate)
    stage = settings.service(service).frontend
    registry.check(service, pipeline, request, settings.pipeline(stage))


def reference(name: str, user: User, state: AppState) -> str:
    """Where the recording of the voice is, see `voices.reference`."""
    with state.database.reading() as session:
        shipped = catalogue(state.settings.checkpoints)
        return voices.reference(session, user.id, name, shipped)


def seed_of(body: ClipOptions) -> int:
    return secrets.randbits(32) if body.seed is None else body.seed


async def submit(
    state: AppState,
    user: User,
    service: str,
    body: ClipOptions,
    bulkhead: Bulkhead,
    make: Callable[[], NewClip],
    idempotency_key: str | None,
    response: Response,
) -> ClipOut:
    """Queues the clip that `make` gives, which raises what is wrong with the request and runs in
    the bulkhead; a repeated request gives the clip that it gave before, whatever has changed since.

    What is cheap to find out is found out first: whoever may not have another clip costs no more
    than a look at the database.
    """
    work = state.work
    request_hash = _hash_of(service, body)

    def look() -> tuple[Clip | None, float]:
        with state.database.reading() as session:
            earlier = clips.submitted(session, user.id, idempotency_key, request_hash)
            if earlier is None:
                admission.require_room(session, user.id, state.settings)
                credits.require_available(session, user, state.settings.clip_credits)
            return earlier, state.clock(session)

    def accept(new: NewClip) -> tuple[Clip, float]:
        with state.database.transaction() as session:
            now = state.clock(session)
            clip, created = clips.submit(
                session, user.id, new, state.settings, now, idempotency_key, request_hash
            )
        if created:
            state.wake()
        return clip, now

    earlier, now = await work.reads.run(user.id, look)
    if earlier is None:
        new = await bulkhead.run(user.id, make)
        clip, now = await work.writes.run(user.id, accept, new)
    else:
        clip = earlier
    response.headers["Location"] = f"/api/clips/{clip.id}"
    return show(clip, state.store, state.settings, now)


def _hash_of(service: str, body: ClipOptions) -> str:
    """What tells a repeated request from another: what was sent, without defaults, which a later
    release may have more of."""
    content = f"{service} {body.model_dump_json(exclude_unset=True)}"
    return hashlib.sha256(content.encode()).hexdigest()
