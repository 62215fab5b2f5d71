"""The real application over a real database and object store, with a clock that tests set."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import boto3
from anyio.from_thread import BlockingPortal
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from serve_app.api import AppState, GraphStatus, create_app
from serve_app.db import notices
from serve_app.db.engine import Database
from serve_app.db.models import Base
from serve_app.http.pace import Pace
from serve_app.maintenance.sweeper import Sweeper
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app import actions

EMAIL = "ada@example.com"
PASSWORD = "analytical engine"
SENTENCE = "The kettle is on, and the kitchen is warm."

Headers = dict[str, str]

portal: BlockingPortal | None = None
"""The event loop of all clients, while there is one."""


class Api:
    """A client of the application, and the parts behind it."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: ObjectStore,
        pace: Pace | None = None,
    ) -> None:
        """Without a `pace` one user may ask as fast as tests do."""
        self.settings = settings
        self.database = database
        self.store = store
        self.now = 1_800_000_000.0
        self.graph = GraphStatus(ready=True)
        self.app = create_app(
            AppState(
                settings=settings,
                database=database,
                store=store,
                clock=self._clock,
                graph_status=self._graph_status,
                metrics=lambda: "bernie_queue_depth 0\n",
                pace=pace or Pace(rate=10_000, burst=10_000),
            )
        )
        self.client = TestClient(self.app)
        self.client.portal = portal

    def _clock(self, _session: Session) -> float:
        return self.now

    async def _graph_status(self) -> GraphStatus:
        return self.graph

    def sign_up(self, email: str = EMAIL) -> Headers:
        """A new account; the headers that authorise its session."""
        answer = self.client.post("/api/sign-up", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        return bearer(answer.json()["token"])

    def create_key(self, headers: Headers, **body: Any) -> dict[str, Any]:
        answer = self.client.post("/api/keys", headers=headers, json={"name": "laptop", **body})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def speak(self, headers: Headers, **body: Any) -> dict[str, Any]:
        """A clip just submitted."""
        request = {"text": SENTENCE, "voice": "af_heart", **body}
        answer = self.client.post("/api/speech", headers=headers, json=request)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def clip(self, headers: Headers, clip_id: str, **query: Any) -> dict[str, Any]:
        answer = self.client.get(f"/api/clips/{clip_id}", headers=headers, params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def remove_deleted(self) -> None:
        """As the worker does every few seconds."""
        Sweeper(self.database, self.store, self.settings).remove_deleted()

    def contents(self) -> dict[str, int]:
        """Rows of every table, the credits in all balances, and the objects in the store."""
        tables = Base.metadata.sorted_tables
        counts = [
            select(func.count()).select_from(each).scalar_subquery().label(each.name)
            for each in tables
        ]
        users = Base.metadata.tables["users"]
        credits = select(func.coalesce(func.sum(users.c.balance), 0)).scalar_subquery()
        with self.database.reading() as session:
            found = session.execute(select(*counts, credits.label("credits"))).one()
        return {**found._mapping, "credits": int(found.credits), "objects": self._objects()}

    @cached_property
    def _bucket(self) -> Any:
        """The bucket through boto3, to count its objects."""
        return boto3.resource(
            "s3",
            endpoint_url=self.settings.s3_endpoint,
            region_name=self.settings.s3_region,
            aws_access_key_id=self.settings.s3_access_key.get_secret_value(),
            aws_secret_access_key=self.settings.s3_secret_key.get_secret_value(),
        ).Bucket(self.settings.s3_bucket)

    def _objects(self) -> int:
        return sum(1 for _ in self._bucket.objects.all())


class FinishingApi(Api):
    """An Api whose clips succeed as soon as they are submitted, all with the same audio."""

    audio = b"RIFF and so on"

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        event.listen(self.database.sessions, "after_commit", self._committed)

    def _committed(self, session: Session) -> None:
        if notices.LINE in notices.told(session):
            self._finish()

    def _finish(self) -> None:
        while claimed := actions.claim(self.database, self.now):
            self.store.put(actions.result_of(claimed), self.audio, "audio/wav")
            assert actions.succeed(self.database, claimed, self.now)


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def error_of(answer: Any, status: int) -> dict[str, Any]:
    """The error of an answer. Asserts the status and the common shape, or that of other services'
    clients."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    if answer.request.url.path.startswith(("/v1/", "/v2/")):
        assert set(body) == {"detail", "error"}
        assert set(body["error"]) == {"message", "type", "param", "code"}
        return dict(body["error"])
    assert set(body) == {"error"}
    assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "field", "retry_after"}
    retry_after = answer.headers.get("Retry-After")
    assert body["error"].get("retry_after") == (None if retry_after is None else int(retry_after))
    return dict(body["error"])
