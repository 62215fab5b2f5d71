"""A small consistent system for tests to damage, and the doctor's checks of it."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from sqlalchemy import update

from pipelines.audio.containers import FORMATS, Encoder
from serve_app.db.engine import Database
from serve_app.db.models import Clip, RecordingUpload, User, Voice
from serve_app.ids import new_id
from serve_app.jobs import claiming, queue
from serve_app.jobs.queue import Claim
from serve_app.maintenance.doctor.check_context import CheckContext
from serve_app.maintenance.doctor.runner import CheckResult, run_checks
from serve_app.media import clips, uploads, voices
from serve_app.settings import Settings
from serve_app.storage.object_keys import RESULT_PREFIXES, result_key
from serve_app.storage.store import ObjectStore
from tests.serve_app.actions import UNTHROTTLED, make_user
from tests.serve_app.recordings import speech

ALL_IS_OLD = -5.0
"""An age by which nothing counts as in flight except what a worker holds."""
RATE = 24_000
SECONDS = 0.5


class DamagedSystem:
    def __init__(
        self, settings: Settings, database: Database, store: ObjectStore, name: str = "ada"
    ) -> None:
        self.settings = settings
        self.database = database
        self.store = store
        self.user: User = make_user(database, name)

    def run_checks(
        self, age: float = ALL_IS_OLD, *, deep: bool = False, repair: bool = False
    ) -> None:
        """Runs all checks; `wrong` then has the findings."""
        system = CheckContext(self.database, self.store, self.settings, age, deep)
        self.results: dict[str, CheckResult] = {
            each.name: each for each in run_checks(system, repair)
        }

    @property
    def wrong(self) -> dict[str, list[str]]:
        """The findings by check."""
        return {
            name: [f"{each.subject} {each.problem}" for each in result.findings]
            for name, result in self.results.items()
            if result.wrong
        }

    def claimed(self, service: str = "styletts2", format_name: str = "wav") -> Claim:
        """A clip that a worker holds."""
        options: dict[str, Any] = {"format": format_name}
        new = clips.NewClip(service, "Hello.", "af_heart", None, options, 50)
        with self.database.transaction() as session:
            now = self.database.now(session)
            clips.submit(session, self.user.id, new, UNTHROTTLED, now)
        return self.claim()

    def claim(self) -> Claim:
        with self.database.transaction() as session:
            (claim,) = claiming.claim(session, UNTHROTTLED, self.database.now(session))
        return claim

    def succeeded(self, service: str = "styletts2", format_name: str = "wav") -> Clip:
        """A clip with its audio."""
        claim = self.claimed(service, format_name)
        key, data = result_key(claim.clip), audio(format_name)
        self.store.put(key, data, FORMATS[format_name].content_type)
        with self.database.transaction() as session:
            now = self.database.now(session)
            arguments = (claim.clip.id, claim.token, key, len(data), SECONDS, {})
            assert queue.succeed(session, *arguments, now)
        return self.row(claim.clip.id)

    def cancelled(self) -> Clip:
        clip = self.claimed().clip
        with self.database.transaction() as session:
            clips.delete(session, self.user.id, clip.id, UNTHROTTLED, self.database.now(session))
        return self.row(clip.id)

    def upload(self) -> RecordingUpload:
        """An upload that was sent and inspected."""
        data = speech()
        with self.database.transaction() as session:
            arguments = (self.user.id, "audio/flac", len(data), len(data), 10)
            upload = uploads.create(session, *arguments, self.database.now(session))
            upload.seconds = 3.5
        self.store.put(upload.s3_key, data, "audio/flac")
        return upload

    def voice(self) -> Voice:
        voice_id = new_id()
        key = f"voices/{voice_id}.flac"
        voice = Voice(
            id=voice_id, user_id=self.user.id, name="mine", s3_key=key, seconds=3.5, created_at=1.0
        )
        with self.database.transaction() as session:
            session.add(voice)
        self.store.put(key, speech(), "audio/flac")
        return voice

    def row(self, clip_id: str) -> Clip:
        with self.database.reading() as session:
            return session.get_one(Clip, clip_id)

    def spoil(self, clip: Clip, **values: Any) -> None:
        """Sets columns of a clip to values that the service never writes."""
        with self.database.transaction() as session:
            session.execute(update(Clip).where(Clip.id == clip.id).values(**values))


def empty(store: ObjectStore) -> None:
    """For the next test: a bucket for each test is more than a small server has room for."""
    for prefix in (*RESULT_PREFIXES.values(), uploads.PREFIX, voices.PREFIX):
        store.abort_stale_multipart(prefix, math.inf)
        store.delete_all(prefix)


def audio(format_name: str) -> bytes:
    sink = io.BytesIO()
    encoder = Encoder(sink, format_name, RATE, RATE)
    wave = 0.1 * np.sin(2 * np.pi * 220 / RATE * np.arange(round(SECONDS * RATE)))
    encoder.write(wave.astype(np.float32))
    encoder.close()
    return sink.getvalue()
