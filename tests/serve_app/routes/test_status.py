"""How the server is doing, in short."""

from __future__ import annotations

from typing import Any

from serve_app.http.app_state import GraphStatus
from tests.serve_app import actions
from tests.serve_app.api_harness import Api, error_of


def status(api: Api) -> dict[str, Any]:
    answer = api.client.get("/api/status", headers=api.sign_up())
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_status_counts_what_waits_and_what_runs(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up("clips@example.com")
    sqlite_api.speak(headers)
    sqlite_api.speak(headers)
    assert actions.claim(sqlite_api.database, sqlite_api.now)
    sqlite_api.now += 7
    found = status(sqlite_api)
    assert {each["service"]: each["waiting"] for each in found["queues"]} == {
        "styletts2": 1,
        "seedvc": 0,
        "make-an-audio": 0,
    }
    assert (found["running"], found["oldest_seconds"]) == (1, 7.0)
    assert (found["ready"], found["message"]) == (True, "")


def test_status_tells_what_is_missing_and_how_many_replicas_run(sqlite_api: Api) -> None:
    replicas = {"styletts2-frontend": 2, "styletts2-vocoder": 0}
    sqlite_api.graph = GraphStatus(ready=False, detail="styletts2-vocoder", replicas=replicas)
    found = status(sqlite_api)
    assert found["ready"] is False
    assert found["message"] == "Not ready: graph (styletts2-vocoder)."
    assert found["replicas"] == replicas
    error = error_of(sqlite_api.client.get("/readyz"), 503)
    assert error["message"] == found["message"]
