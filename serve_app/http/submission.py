"""How a clip of any service is submitted."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Header, Response

from pipelines import registry
from pipelines.audio.containers import check_format
from pipelines.voices.shipped_voices import catalogue
from serve_app import catalog
from serve_app.db.models import Clip, User
from serve_app.http.app_state import AppState
from serve_app.http.clip_view import clip_out
from serve_app.http.openapi import WITH_BODY, errors
from serve_app.http.schemas.clips import ClipOut, IdempotencyKey
from serve_app.http.schemas.submissions import ClipOptions
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


def submission_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that submits a clip and may also answer `statuses`."""
    location = {"description": "Where to ask after the clip.", "schema": {"type": "string"}}
    return {
        202: {
            "description": "The clip waits in the queue",
            "headers": {"Location": location},
        },
        **errors(401, 402, 403, 409, 429, *WITH_BODY, *statuses),
    }


@dataclass(slots=True)
class Submission:
    """One request for a clip, from its idempotency key to its answer.

    A route asks for the `earlier` clip of a repeated request, and only without one validates the
    body, calls `enqueue`, and answers with `respond`.
    """

    state: AppState
    user: User
    service: str
    body: ClipOptions
    idempotency_key: str | None
    seed: int = field(init=False)
    _now: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.seed = secrets.randbits(32) if self.body.seed is None else self.body.seed

    def earlier(self) -> Clip | None:
        """The clip that this request made before, whatever has become invalid since. 409
        `idempotency_conflict` for another request with the same key."""
        with self.state.database.reading() as session:
            self._now = self.state.clock(session)
            return clips.submitted(session, self.user.id, self.idempotency_key, self._hash())

    def check(self, request: Any) -> None:
        """Raises ApiError where the service is not installed, and InvalidInput where its pipeline
        cannot serve the request."""
        settings = self.state.settings
        pipeline = catalog.require(self.service, settings)
        check_format(self.body.format, self.body.sample_rate)
        scale = settings.service(self.service).frontend
        registry.check(self.service, pipeline, request, settings.pipeline(scale))

    def reference(self, voice: str) -> str:
        """Where the recording of the voice is; see `voices.reference`."""
        with self.state.database.reading() as session:
            shipped = catalogue(self.state.settings.checkpoints)
            return voices.reference(session, self.user.id, voice, shipped)

    def enqueue(self, new: NewClip) -> Clip:
        """Queues a valid clip, holds its credits, and wakes the workers. Raises what `clips.submit`
        raises."""
        with self.state.database.transaction() as session:
            self._now = self.state.clock(session)
            clip, created = clips.submit(
                session,
                self.user.id,
                new,
                self.state.settings,
                self._now,
                self.idempotency_key,
                self._hash(),
            )
        if created:
            self.state.wake()
        return clip

    def respond(self, clip: Clip, response: Response) -> ClipOut:
        """The body of the answer; sets its `Location`."""
        response.headers["Location"] = f"/api/clips/{clip.id}"
        return clip_out(clip, self.state.store, self.state.settings, self._now)

    def _hash(self) -> str:
        content = f"{self.service} {self.body.model_dump_json()}"
        return hashlib.sha256(content.encode()).hexdigest()
