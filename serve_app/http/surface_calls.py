"""A call of another service's client: it asks for a clip and waits for the audio in the answer.

Such clients repeat a call whose answer was lost, without saying so. The clip of a call therefore
holds a key, derived from what was sent, until its audio has been sent to the end: the same call
joins it. A call whose caller goes away cancels its clip.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Protocol

from fastapi import Request, Response

from pipelines.audio.containers import ENCODINGS
from serve_app.bulkheads import Bulkhead
from serve_app.db.models import Clip, ClipState, User
from serve_app.errors import ApiError
from serve_app.field_rules import require
from serve_app.http.app_state import AppState
from serve_app.http.clip_stream import clip_stream
from serve_app.http.clip_view import clip_out
from serve_app.http.schemas.clips import IDEMPOTENCY_KEY, ClipOut
from serve_app.http.streaming import Blocks, StreamedBlocks, too_many_streams
from serve_app.http.submission import Submission
from serve_app.media import clips
from serve_app.media.clips import NewClip

logger = logging.getLogger(__name__)

FIRST_BYTES = 1024
"""Sent at once at first: ElevenLabs' client hands nothing on before it has as much."""
JOIN_SECONDS = 900.0
"""A call joins the clip of an earlier one that is younger."""
CLIENT_GONE = 499


class Connection(Protocol):
    """What a call has to know of who makes it."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def is_disconnected(self) -> bool: ...


class _End(Enum):
    SENT = "sent"
    GONE = "gone"
    BROKEN = "broken"


def fingerprint(request: Request, *content: bytes) -> str:
    """Tells a repeated call from another, of one user."""
    digest = hashlib.sha256(f"{request.url.path}?{request.url.query}".encode())
    for part in content:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


Form = Callable[["SurfaceCall", bytes, Blocks], Blocks]
"""Makes another form of the first block of a call's audio and the rest of it."""


@dataclass(slots=True)
class SurfaceCall:
    """`make` gives the clip and runs in the bulkhead. With `live` the audio is sent while it is
    made, without a length in its head; else the finished file is. `ignored` are the fields that
    have no effect here."""

    state: AppState
    user: User
    connection: Connection
    submission: Submission
    bulkhead: Bulkhead
    make: Callable[[], NewClip]
    live: bool
    ignored: Sequence[str] = ()
    headers: dict[str, str] = field(default_factory=dict)
    clip_id: str = field(init=False, default="")
    text: str = field(init=False, default="")
    credits: int = field(init=False, default=0)
    _derived_key: str | None = field(init=False, default=None)

    async def audio_response(self) -> Response:
        """The audio as it is."""
        return await self.respond(await self.begin())

    async def respond(self, blocks: Blocks) -> Response:
        """The same, of what `begin` gave."""
        first = await anext(blocks, None)
        if first is None:
            return Response(status_code=CLIENT_GONE)
        kind = ENCODINGS[self.submission.format].content_type
        return StreamedBlocks(first, blocks, kind, self.headers)

    async def formed(self, form: Form, media_type: str) -> Response:
        """The audio in another form, such as lines of JSON, sent as it is made."""
        blocks = await self.begin()
        first = await anext(blocks, None)
        if first is None:
            return Response(status_code=CLIENT_GONE)
        formed = form(self, first, blocks)
        return StreamedBlocks(await anext(formed), formed, media_type, self.headers)

    async def begin(self) -> Blocks:
        """Submits the clip and gives the bytes of its audio. Sets `headers`. Raises ApiError and
        InvalidInput where there will be no clip; the first block does where it fails."""
        # Held until the clip is there, for its audio to take over: who cannot hear gets no clip.
        with self.state.wait_slots.hold(self.user.id) as may_wait:
            if not may_wait:
                raise too_many_streams()
            clip = await self._clip()
        self.clip_id, self.credits = clip.id, clip.credits
        self.text = clip.text or ""
        self.headers = {
            "request-id": clip.id,
            "history-item-id": clip.id,
            "character-cost": str(clip.credits),
        }
        if self.ignored:
            self.headers["x-bernie-ignored"] = ", ".join(self.ignored)
        if (held := (clip.start_at - clip.created_at).total_seconds()) > 0:
            self.headers["x-bernie-throttled-seconds"] = f"{held:.1f}"
        return _from_first_bytes(self._audio(clip.id))

    async def _clip(self) -> ClipOut:
        submission, work, user = self.submission, self.state.work, self.user.id
        if submission.fingerprint is None:
            raise ValueError("a call is told from another by its fingerprint")
        given = self.connection.headers.get("idempotency-key")
        if given is not None:
            require("Idempotency-Key", given, IDEMPOTENCY_KEY)
        else:
            self._derived_key = f"call:{submission.fingerprint}"
            if (made := await work.reads.run(user, self._earlier)) is not None:
                return made
        submission.idempotency_key = given or self._derived_key
        try:
            return await submission.answer(self.bulkhead, self.make, Response())
        except asyncio.CancelledError:
            # The clip may be there already, for nobody to hear.
            await self._record(self._cancel_unheard)
            raise

    def _cancel_unheard(self) -> None:
        with self.state.database.reading() as session:
            made = clips.with_key(session, self.user.id, self.submission.idempotency_key or "")
        if made is not None:
            self._settle(made.id, _End.GONE)

    def _earlier(self) -> ClipOut | None:
        """The clip of a call that says it is a repetition, if its audio is there already. A key
        that is held too long, or for nothing, is released."""
        key, print_ = self._derived_key or "", self.submission.fingerprint or ""
        repeated = self.connection.headers.get("x-stainless-retry-count", "0") != "0"
        with self.state.database.reading() as session:
            now = self.state.clock(session)
            holder = clips.with_key(session, self.user.id, key)
            made = None
            if repeated:
                since = now - JOIN_SECONDS
                made = clips.made_since(session, self.user.id, print_, since)
        if holder is not None and _is_stale(holder, now):
            with self.state.database.transaction() as session:
                clips.release_key(session, holder.id, key)
        if made is None:
            return None
        return clip_out(made, self.state.store, self.state.settings, now)

    async def _audio(self, clip_id: str) -> Blocks:
        gone = False

        async def is_gone() -> bool:
            nonlocal gone
            gone = gone or await self.connection.is_disconnected()
            return gone

        end = _End.BROKEN
        self.state.callers[clip_id] += 1
        try:
            stream = clip_stream(self.state, self.user.id, clip_id, is_gone, self.live)
            async with aclosing(stream) as blocks:
                async for block in blocks:
                    yield block
            end = _End.GONE if gone else _End.SENT
        except ApiError as error:
            if error.code == "too_many_streams":
                end = _End.GONE  # another took the place
            raise
        except (GeneratorExit, asyncio.CancelledError):
            end = _End.GONE
            raise
        finally:
            self.state.callers[clip_id] -= 1
            if self.state.callers[clip_id]:
                # A repetition of this call hears the same clip.
                end = _End.BROKEN
            else:
                del self.state.callers[clip_id]
            await self._record(partial(self._settle, clip_id, end))

    async def _record(self, settle: Callable[[], None]) -> None:
        try:
            await asyncio.shield(self.state.work.writes.run(self.user.id, settle))
        except Exception as error:  # noqa: BLE001 - what was sent stays complete
            # A key that is still held is released when it is old.
            logger.warning("the end of a call was not recorded (%s)", type(error).__name__)

    def _settle(self, clip_id: str, end: _End) -> None:
        settings = self.state.settings
        with self.state.database.transaction() as session:
            now = self.state.clock(session)
            clip = clips.get(session, self.user.id, clip_id)
            pending = clip.state is ClipState.PENDING
            # A repetition may have come while this waited for its turn.
            alone = not self.state.callers[clip_id]
            if end is _End.GONE and pending and alone and settings.cancel_on_disconnect:
                clips.delete(session, self.user.id, clip_id, settings, now)
            over = clip.state in (ClipState.FAILED, ClipState.CANCELLED)
            if self._derived_key is not None and (end is _End.SENT or over):
                clips.release_key(session, clip_id, self._derived_key)


def _is_stale(holder: Clip, now: float) -> bool:
    ended = holder.state in (ClipState.FAILED, ClipState.CANCELLED)
    return ended or holder.deleted_at is not None or holder.created_at < now - JOIN_SECONDS


async def _from_first_bytes(blocks: Blocks) -> Blocks:
    """The same bytes, of which the first block has at least `FIRST_BYTES` if there are as many."""
    first: bytes | None = b""
    async with aclosing(blocks):
        async for block in blocks:
            if first is None:
                yield block
                continue
            first += block
            if len(first) >= FIRST_BYTES:
                yield first
                first = None
        if first:
            yield first
