"""Errors outside the routes' own logic: transport, parsing, unavailable parts, bugs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from serve_app.api import GraphStatus
from serve_app.db.engine import Database
from serve_app.storage.store import ObjectStore
from tests.serve_app.api_harness import EMAIL, PASSWORD, Api, error_of

JSON = {"Content-Type": "application/json"}


def test_unknown_path_is_404(sqlite_api: Api) -> None:
    for path in ("/nothing", "/api/nothing", "/api/me/", "/docs"):
        assert error_of(sqlite_api.client.get(path), 404)["code"] == "not_found"


def test_unknown_method_is_405(sqlite_api: Api) -> None:
    answer = sqlite_api.client.put("/api/speech", json={})
    assert error_of(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "POST"


HOSTILE_BODIES = [
    b"",
    b"{",
    b"\xff\xfe",
    b'{"email": }',
    b"[" * 100_000,
    b'{"email": ' + b"[" * 900 + b"]" * 900 + b', "password": ""}',
    b'{"email": ' + b"9" * 5_000 + b"}",
    b'{"email": 1e999, "password": NaN}',
    b'{"email": "\\ud800@x", "password": "\\udfff\\ud800 long enough"}',
    b'{"email": "a@b", "password": "long enough", "\\ud800": 1}',
    b'{"email": "a@b", "password": "long enough", "\\u0000\\r\\n": 1}',
    b'{"text": "\\ud800", "voice": "af_heart"}',
    b'{"text": "hello", "voice": "af_heart", "speed": NaN}',
    b'{"text": "hello", "voice": "af_heart", "seed": 1e999}',
    b'"\\ud800"',
    b"null",
    b"NaN",
    b"7",
]


def test_hostile_body_is_refused_and_stores_nothing(api: Api) -> None:
    headers = api.sign_up() | JSON
    before = api.contents()
    for path in ("/api/sign-up", "/api/sign-in", "/api/keys", "/api/speech"):
        for body in HOSTILE_BODIES:
            answer = api.client.post(path, content=body, headers=headers)
            assert answer.status_code in (400, 422), (path, body)
            error_of(answer, answer.status_code)
    assert api.contents() == before


SURROGATES = [
    ("/api/sign-up", {"email": "ada@x\ud800.org", "password": PASSWORD}, "email"),
    ("/api/sign-up", {"email": "bob@example.com", "password": PASSWORD + "\udfff"}, "password"),
    ("/api/sign-in", {"email": "\udc00" + EMAIL, "password": PASSWORD}, "email"),
    ("/api/sign-in", {"email": EMAIL, "password": "\ud800"}, "password"),
    ("/api/keys", {"name": "lap\ud83dtop"}, "name"),
    ("/api/speech", {"text": "hello \ud800", "voice": "af_heart"}, "text"),
    ("/api/speech", {"text": "hello", "voice": "af_\udcffheart"}, "voice"),
    ("/api/speech", {"text": "hello", "voice": "af_heart", "format": "\ud800"}, "format"),
]


def test_half_a_surrogate_pair_is_422_in_every_field(api: Api) -> None:
    headers = api.sign_up() | JSON
    before = api.contents()
    for path, body, field in SURROGATES:
        error = error_of(api.client.post(path, content=json.dumps(body), headers=headers), 422)
        assert error == {
            "code": "invalid_input",
            "message": f"{field} must be valid Unicode.",
            "field": field,
        }
    assert api.contents() == before


def test_malformed_json_is_400(sqlite_api: Api) -> None:
    answer = sqlite_api.client.post("/api/sign-up", content=b"{", headers=JSON)
    assert error_of(answer, 400)["code"] == "malformed_json"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_body_of_another_media_type_is_415(sqlite_api: Api, kind: str) -> None:
    answer = sqlite_api.client.post("/api/sign-up", content=b"{}", headers={"Content-Type": kind})
    assert error_of(answer, 415)["code"] == "unsupported_media_type"


def test_body_limit_refuses_a_declared_length(sqlite_api: Api) -> None:
    body = b" " * (sqlite_api.settings.max_body_bytes + 1)
    answer = sqlite_api.client.post("/api/sign-up", content=body, headers=JSON)
    assert error_of(answer, 413)["code"] == "body_too_large"
    assert str(sqlite_api.settings.max_body_bytes) in answer.text


def test_body_limit_refuses_a_chunked_body(sqlite_api: Api) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(sqlite_api.settings.max_body_bytes // 1024 + 1):
            yield b" " * 1024

    answer = sqlite_api.client.post("/api/sign-up", content=chunks(), headers=JSON)
    assert error_of(answer, 413)["code"] == "body_too_large"


def test_body_limit_accepts_a_body_at_the_limit(sqlite_api: Api) -> None:
    body = b'{"email": "ada@example.com", "password": "analytical engine"}'
    padded = body.ljust(sqlite_api.settings.max_body_bytes)
    assert sqlite_api.client.post("/api/sign-up", content=padded, headers=JSON).status_code == 201


def test_security_headers(sqlite_api: Api) -> None:
    for path in ("/api/me", "/api/nothing", "/healthz"):
        headers = sqlite_api.client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers.get("Cache-Control") == ("no-store" if path.startswith("/api/") else None)


def test_health_and_metrics(api: Api) -> None:
    assert api.client.get("/healthz").json() == {"status": "alive"}
    assert api.client.get("/readyz").json() == {"status": "ready"}
    metrics = api.client.get("/metrics")
    assert metrics.text == "bernie_queue_depth 0\n"
    assert metrics.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_index_links_to_openapi(sqlite_api: Api) -> None:
    door = sqlite_api.client.get("/").json()
    assert sqlite_api.client.get(door["openapi"]).json()["info"]["title"] == door["name"]


def test_healthz_and_readyz_answer_head(sqlite_api: Api) -> None:
    for path in ("/healthz", "/readyz"):
        answer = sqlite_api.client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers == sqlite_api.client.get(path).headers
    sqlite_api.graph = GraphStatus(ready=False)
    assert sqlite_api.client.head("/readyz").status_code == 503


def test_readyz_is_503_while_the_graph_is_not_ready(sqlite_api: Api) -> None:
    sqlite_api.graph = GraphStatus(ready=False, detail="styletts2-vocoder")
    answer = sqlite_api.client.get("/readyz")
    error = error_of(answer, 503)
    assert error["code"] == "not_ready"
    assert "styletts2-vocoder" in error["message"]
    assert int(answer.headers["Retry-After"]) > 0


def unreachable_databases(folder: Path) -> list[str]:
    (folder / "a folder").mkdir()
    return [
        "postgresql://nobody:hunter2@127.0.0.1:9/bernie",
        f"sqlite:///{folder / 'a folder'}",
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_database_unavailable_is_503(
    sqlite_api: Api, tmp_path: Path, which: int, caplog: pytest.LogCaptureFixture
) -> None:
    down = Api(
        sqlite_api.settings, Database(unreachable_databases(tmp_path)[which]), sqlite_api.store
    )
    body = {"email": EMAIL, "password": PASSWORD}
    answers = [
        down.client.post("/api/sign-up", json=body),
        down.client.get("/api/me", headers={"Authorization": "Bearer bs_secret"}),
    ]
    for answer in answers:
        assert error_of(answer, 503)["code"] == "database_unavailable"
        assert int(answer.headers["Retry-After"]) > 0
    assert "database" in error_of(down.client.get("/readyz"), 503)["message"]
    assert "hunter2" not in caplog.text
    assert "bs_secret" not in caplog.text


def test_readyz_is_503_while_the_store_is_down(sqlite_api: Api) -> None:
    elsewhere = sqlite_api.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    down = Api(elsewhere, sqlite_api.database, ObjectStore(elsewhere))
    assert "object store" in error_of(down.client.get("/readyz"), 503)["message"]


def test_unexpected_error_is_a_bare_500_without_logged_values(
    sqlite_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "hunter2"

    async def broken() -> None:
        raise KeyError(secret)

    sqlite_api.app.add_api_route("/broken", broken)
    with caplog.at_level(logging.DEBUG):
        answer = TestClient(sqlite_api.app).get("/broken")
    assert error_of(answer, 500)["code"] == "internal_error"
    assert secret not in answer.text + caplog.text
    assert "KeyError" in caplog.text
    assert "test_error_responses.py" in caplog.text


def with_graph(api: Api, graph_status: Callable[[], Awaitable[GraphStatus]]) -> None:
    api.app.state.bernie = replace(api.app.state.bernie, graph_status=graph_status)


def test_readyz_is_503_while_the_controller_of_the_graph_is_away(sqlite_api: Api) -> None:
    async def away() -> GraphStatus:
        raise RuntimeError("the controller died")

    with_graph(sqlite_api, away)
    answer = sqlite_api.client.get("/readyz")
    assert error_of(answer, 503)["message"] == "Not ready: graph."


def test_readyz_waits_for_no_part_that_hangs_and_asks_it_once(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_app.http.readiness.LOOK_SECONDS", 0.5)
    looks = []

    async def hang() -> GraphStatus:
        looks.append(1)
        await asyncio.sleep(60)
        return GraphStatus(ready=True)

    with_graph(sqlite_api, hang)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(sqlite_api.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bernie") as client:
            return [await client.get("/readyz") for _ in range(3)]

    for answer in asyncio.run(ask()):
        message = error_of(answer, 503)["message"]
        assert message.startswith("Not ready: ")
        assert message.endswith("graph."), "the others may be slow on a busy machine"
    assert len(looks) == 1


def test_a_row_that_is_held_too_long_is_busy(api: Api) -> None:
    headers = api.sign_up()
    with api.database.engine.connect() as connection, connection.begin():
        connection.execute(text("SELECT 1 FROM users FOR UPDATE"))
        request = {"text": "Hello.", "voice": "af_heart"}
        answer = api.client.post("/api/speech", headers=headers, json=request)
    assert error_of(answer, 503)["code"] == "busy"
    assert int(answer.headers["Retry-After"]) > 0
