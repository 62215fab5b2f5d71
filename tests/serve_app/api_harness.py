"""The real application over a real database and object store, with a clock that tests set."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
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
        share_routes(self.app)
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

    def _objects(self) -> int:
        """Through boto3."""
        settings = self.settings
        client = client_of_store(
            settings.s3_endpoint,
            settings.s3_region,
            settings.s3_access_key.get_secret_value(),
            settings.s3_secret_key.get_secret_value(),
        )
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=settings.s3_bucket)
        return sum(page["KeyCount"] for page in pages)


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


_routes: list[Any] = []


def share_routes(app: FastAPI) -> None:
    """FastAPI works out an application's routes at the first request, which takes as much computing
    as all else that a short test does. All applications of a run share those of the first."""
    _routes[:] = _routes or app.router.routes
    app.router.routes[:] = _routes


@cache
def client_of_store(endpoint: str, region: str, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )


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
