"""How a clip of any service is submitted."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
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
from serve_app.http.clip_view import clip_out
from serve_app.http.openapi import WITH_BODY, errors
from serve_app.http.schemas.clips import ClipOut, IdempotencyKey
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

    A route tells how to make a clip of the valid body, and `answer` does the rest.
    """

    state: AppState
    user: User
    service: str
    body: ClipOptions
    idempotency_key: str | None
    encoding: str | None = None
    """Of `containers.ENCODINGS`, in place of the format of the body, which has no word for it."""
    fingerprint: str | None = None
    """What tells a repeated request from another, where the body does not."""
    seed: int = field(init=False)
    _now: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.seed = secrets.randbits(32) if self.body.seed is None else self.body.seed

    @property
    def format(self) -> str:
        return self.encoding or self.body.format

    @property
    def sample_rate(self) -> int | None:
        return self.body.sample_rate

    def check(self, request: Any) -> None:
        """Raises ApiError where the service is not installed, and InvalidInput where its pipeline
        cannot serve the request."""
        settings = self.state.settings
        pipeline = catalog.require(self.service, settings)
        check_format(self.format, self.sample_rate)
        scale = settings.service(self.service).frontend
        registry.check(self.service, pipeline, request, settings.pipeline(scale))

    def reference(self, voice: str) -> str:
        """Where the recording of the voice is; see `voices.reference`."""
        with self.state.database.reading() as session:
            shipped = catalogue(self.state.settings.checkpoints)
            return voices.reference(session, self.user.id, voice, shipped)

    async def answer(
        self, bulkhead: Bulkhead, make: Callable[[], NewClip], response: Response
    ) -> ClipOut:
        """Queues the clip that `make` gives, which raises what is wrong with the request and runs
        in the bulkhead; a repeated request is answered with the clip that it made before, whatever
        has become invalid since. Sets the `Location` of the answer.

        What is cheap is checked first: a user who may not have another clip costs no more than a
        look at the database.
        """
        work, user_id = self.state.work, self.user.id
        self.state.foreground.note()
        clip = await work.reads.run(user_id, self._earlier)
        if clip is None:
            new = await bulkhead.run(user_id, make)
            clip = await work.writes.run(user_id, self._enqueue, new)
            self.state.foreground.note()
        response.headers["Location"] = f"/api/clips/{clip.id}"
        return clip_out(clip, self.state.store, self.state.settings, self._now)

    def _earlier(self) -> Clip | None:
        """The clip that this request made before. Raises ApiError 409 `idempotency_conflict` for
        another request with the same key, and, without an earlier clip, where the user has no
        room or not enough credits for one."""
        settings = self.state.settings
        with self.state.database.reading() as session:
            self._now = self.state.clock(session)
            clip = clips.submitted(session, self.user.id, self.idempotency_key, self._hash())
            if clip is None:
                admission.require_room(session, self.user.id, settings)
                credits.require_available(session, self.user, settings.clip_credits)
            return clip

    def _enqueue(self, new: NewClip) -> Clip:
        """Queues a valid clip and holds its credits. Raises what `clips.submit` raises."""
        with self.state.database.transaction() as session:
            self._now = self.state.clock(session)
            clip, _ = clips.submit(
                session,
                self.user.id,
                new,
                self.state.settings,
                self._now,
                self.idempotency_key,
                self._hash(),
            )
        return clip

    def _hash(self) -> str:
        """Tells a repeated request from another: what was sent, without the defaults, of which a
        later release may have more."""
        if self.fingerprint is not None:
            return self.fingerprint
        content = f"{self.service} {self.body.model_dump_json(exclude_unset=True)}"
        return hashlib.sha256(content.encode()).hexdigest()
