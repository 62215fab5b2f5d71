"""Batches over HTTP with the service that feeds them, and a stand-in for workers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import SecretStr
from sqlalchemy import select

from serve_app.bulk.service import BatchService
from serve_app.db.engine import Database
from serve_app.db.models import BULK, Batch, BatchState
from serve_app.jobs import claiming, queue
from serve_app.maintenance.doctor import batches as doctor
from serve_app.maintenance.doctor.check_context import CheckContext
from serve_app.settings import ServiceSettings, Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.api_harness import Api, Headers
from tests.serve_app.recordings import send

AUDIO = b"RIFF and so on"
LINES = [{"id": f"line-{at}", "text": f"Line {at}."} for at in range(1, 31)]


def settings_for(settings: Settings, database: Database) -> Settings:
    """Those of a service on this database, whose models are tones."""
    url = database.engine.url
    shown = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)
    return settings.model_copy(
        update={
            "database_url": SecretStr(shown),
            "speech": ServiceSettings(pipeline="noop"),
            "conversion": ServiceSettings(pipeline="off"),
            "sound_effects": ServiceSettings(pipeline="off"),
            "lease_seconds": 1.0,
            "bulk_window": 12,
        }
    )


class Batches(Api):
    """An Api whose batches are fed, and whose lines end when `work` is called."""

    def __init__(self, settings: Settings, database: Database, store: ObjectStore) -> None:
        super().__init__(settings_for(settings, database), database, store)
        self.now = time.time()

    @contextmanager
    def feeding(self) -> Iterator[None]:
        service = BatchService(self.settings)
        service.start()
        try:
            yield
        finally:
            service.stop()

    def work(self, bad: str = "") -> int:
        """Ends all lines in the queue: well, but for one with this id. Returns how many."""
        with self.database.transaction() as session:
            now = self.database.now(session)
            claims = claiming.claim(session, self.settings, now, 200, True, BULK)
        for claim in claims:
            key = f"styletts2-output/{claim.clip.id}.wav"
            self.store.put(key, AUDIO, "audio/wav")
            with self.database.transaction() as session:
                if claim.clip.line_id == bad:
                    queue.fail(session, claim.clip.id, claim.token, "broken", "Broken.", now)
                else:
                    made = (key, len(AUDIO), 2.5, {"total_seconds": 1.0}, now)
                    queue.succeed(session, claim.clip.id, claim.token, *made)
        return len(claims)

    def manifest(
        self, headers: Headers, lines: list[dict[str, Any]], kind: str = "application/x-ndjson"
    ) -> str:
        """The id of an upload of these lines."""
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        return str(send(self, headers, content, kind)["id"])

    def post(
        self, headers: Headers, upload: str, key: str | None = None, **body: Any
    ) -> httpx.Response:
        named = {"Idempotency-Key": key} if key else {}
        asked = {"upload": upload, "defaults": {"voice": "af_heart"}, **body}
        return self.client.post("/api/batches", headers={**headers, **named}, json=asked)

    def get(self, headers: Headers, batch_id: str, part: str = "", **query: Any) -> httpx.Response:
        return self.client.get(f"/api/batches/{batch_id}{part}", headers=headers, params=query)

    def lines(self, headers: Headers, batch_id: str, part: str, **query: Any) -> list[Any]:
        answer = self.get(headers, batch_id, part, **query)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def to_end(self, headers: Headers, batch_id: str, bad: str = "") -> dict[str, Any]:
        """The batch once it has ended, while all of its lines are made."""
        deadline = time.monotonic() + 60
        while (found := self.get(headers, batch_id).json())["finished_at"] is None:
            assert time.monotonic() < deadline, found
            if not self.work(bad):
                time.sleep(0.05)
        return dict(found)

    def findings(self) -> list[str]:
        context = CheckContext(self.database, self.store, self.settings, 60, deep=False)
        return [each.problem for each in doctor.sums(context)]

    def states(self) -> list[BatchState]:
        with self.database.reading() as session:
            return [BatchState(state) for state in session.scalars(select(Batch.state))]
