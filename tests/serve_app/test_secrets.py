"""No secret appears in a log, or in any answer but its own, whatever goes wrong."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from serve_app.db.engine import Database
from serve_app.storage.store import ObjectStore
from tests.serve_app.api_harness import SENTENCE, Api, bearer
from tests.serve_app.recordings import send, speech

PASSWORDS = ["analytical engine", "a wrong password", "mistyped as e-mail"]
EMAIL = "ada@example.com"
CLIENTS = ("httpx", "httpcore")
"""Loggers of the clients, which run in this process too."""


BUG = "Nobody else may read this."


class FailingApi(Api):
    def _clock(self, _session: Session) -> float:
        raise RuntimeError(BUG)


class RecordedOutput:
    """Everything that was logged, with arguments, exceptions and their values."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self.answers: list[str] = []

    def text(self) -> str:
        formatter = logging.Formatter()
        return "\n".join(
            f"{formatter.format(each)} {each.args} {vars(each)}"
            for each in self._caplog.records
            if not each.name.startswith(CLIENTS)
        )

    def note(self, answer: Any) -> Any:
        self.answers.append(f"{answer.status_code} {answer.headers} {answer.text}")
        return answer


def call_every_route(api: Api, recorded: RecordedOutput) -> list[str]:
    """Calls every route with valid and invalid requests; returns the secrets in them."""
    post = api.client.post
    account = {"email": EMAIL, "password": PASSWORDS[0]}
    session = post("/api/sign-up", json=account).json()["token"]
    headers = bearer(session)
    key = post("/api/keys", headers=headers, json={"name": "laptop"}).json()["key"]
    upload = send(api, headers, speech())
    mistakes: list[dict[str, Any]] = [
        {"email": EMAIL, "password": PASSWORDS[1]},
        {"email": PASSWORDS[2], "password": PASSWORDS[1]},
        {"email": EMAIL, "password": [PASSWORDS[1]]},
        {"email": EMAIL, "password": {PASSWORDS[1]: 1}},
        {"email": EMAIL, "pass": PASSWORDS[1]},
        {"email": EMAIL, "password": PASSWORDS[1] * 20},
    ]
    for body in mistakes:
        for path in ("/api/sign-in", "/api/sign-up"):
            recorded.note(post(path, json=body))
    recorded.note(post("/api/sign-in", content=f'{{"password": "{PASSWORDS[1]}"'))
    for token in (session, key):
        wrong = bearer(token[:-1] + ("a" if token[-1] != "a" else "b"))
        recorded.note(api.client.get("/api/me", headers=wrong))
        recorded.note(api.client.get("/api/me", headers={"Authorization": f"Basic {token}"}))
        recorded.note(api.client.get(f"/api/clips/{token}", headers=headers))
        recorded.note(api.client.get("/api/me", headers=bearer(token)))
        recorded.note(api.client.get("/api/keys", headers=bearer(token)))
        recorded.note(api.client.get("/api/sessions", headers=bearer(token)))
    recorded.note(api.client.get(f"/api/uploads/{upload['id']}", headers=headers))
    request = {"upload": upload["id"], "voice": "af_heart"}
    recorded.note(post("/api/conversions", headers=headers, json=request))
    recorded.note(post("/api/speech", headers=headers, json={"text": SENTENCE, "voice": "no such"}))
    signature = upload["url"].rpartition("=")[2]
    return [session, key, signature, *PASSWORDS]


def provoke_errors(api: Api, secrets: list[str], recorded: RecordedOutput) -> None:
    """Repeats requests while database, store and code fail, each with secrets of its own."""
    session, key, *_ = secrets
    settings = api.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    storeless = Api(settings, api.database, ObjectStore(settings))
    request = {"upload": "0" * 32, "voice": "af_heart"}
    for path in ("/api/clips", "/api/uploads", "/api/voices", "/api/conversions"):
        recorded.note(storeless.client.post(path, headers=bearer(key), json=request))
    down = Api(settings, Database("postgresql://u:hunter2@127.0.0.1:9/bernie"), api.store)
    for token in (session, key):
        recorded.note(down.client.get("/api/me", headers=bearer(token)))
    recorded.note(down.client.post("/api/sign-in", json={"email": EMAIL, "password": PASSWORDS[0]}))
    buggy = FailingApi(api.settings, api.database, api.store)
    spoken = {"text": BUG, "voice": "af_heart"}
    recorded.note(buggy.client.post("/api/speech", headers=bearer(session), json=spoken))
    with api.database.transaction() as broken:
        for table in ("clip_events", "ledger"):
            broken.execute(text(f"DROP TABLE {table}"))
    recorded.note(api.client.post("/api/speech", headers=bearer(session), json=spoken))
    account = {"email": "bob@example.com", "password": PASSWORDS[0]}
    recorded.note(api.client.post("/api/sign-up", json=account))


@pytest.fixture
def postgres_database(new_postgres_database: Database) -> Database:
    return new_postgres_database


def test_database_errors_do_not_quote_values(database: Database) -> None:
    statement = text("INSERT INTO no_such_table VALUES (:text)")
    with pytest.raises(DBAPIError) as caught, database.transaction() as session:
        session.execute(statement, {"text": BUG})
    assert "no_such_table" in str(caught.value)
    assert BUG not in "".join(traceback.format_exception(caught.value))


def test_no_secret_in_logs_and_answers(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    recorded = RecordedOutput(caplog)
    with caplog.at_level(logging.DEBUG):
        caplog.set_level(logging.INFO, "botocore")  # below, it prints requests
        secrets = call_every_route(api, recorded)
        provoke_errors(api, secrets, recorded)
    own = [api.settings.s3_secret_key.get_secret_value(), "hunter2", BUG]
    statuses = {answer[:3] for answer in recorded.answers}
    assert {"401", "422", "500", "503"} <= statuses
    logged = recorded.text()
    assert "OperationalError" in logged
    assert "RuntimeError" in logged
    for secret in [*secrets, *own]:
        assert secret not in logged
        for answer in recorded.answers:
            assert secret not in answer
