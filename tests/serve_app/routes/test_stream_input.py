"""What connections over a WebSocket may hold. `tests/clients` tests what they are for."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import WebSocketTestSession

from serve_app.http.wait_slots import WaitSlots
from serve_app.routes.elevenlabs import stream_input
from tests.serve_app.api_harness import Api
from tests.waiting import until

URL = "/v1/text-to-speech/af_heart/stream-input?inactivity_timeout=1&"


def opened(
    api: Api, key: str | None, query: str = ""
) -> AbstractContextManager[WebSocketTestSession]:
    headers = {"xi-api-key": key} if key else {}
    return api.client.websocket_connect(URL + query, headers=headers)


def key_of(api: Api) -> str:
    return str(api.create_key(api.sign_up())["key"])


def state_of(api: Api, **changes: Any) -> Any:
    api.app.state.bernie = replace(api.app.state.bernie, **changes)
    return api.app.state.bernie


def test_a_silent_connection_holds_a_place_of_its_user(sqlite_api: Api) -> None:
    key = key_of(sqlite_api)
    state = state_of(sqlite_api, wait_slots=WaitSlots(1, 1))
    with opened(sqlite_api, key):
        until(lambda: not state.wait_slots.has_room("anyone"), 5, "the first has its place")
        with opened(sqlite_api, key) as another:
            another.send_json({"text": ""})
            assert another.receive_json()["error"] == "too_many_concurrent_requests"


def test_a_silent_connection_ends(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_input, "FIRST_MESSAGE_SECONDS", 0.05)
    for key in (None, key_of(sqlite_api)):
        with opened(sqlite_api, key) as socket:
            assert socket.receive_json()["error"] == "input_timeout_exceeded"


def test_connections_without_a_key_are_few(sqlite_api: Api) -> None:
    state = state_of(sqlite_api, strangers=WaitSlots(1, 1))
    with opened(sqlite_api, None):
        until(lambda: not state.strangers.has_room("anyone"), 5, "the first has its place")
        with opened(sqlite_api, None) as another:
            another.send_json({"text": ""})
            assert another.receive_json()["error"] == "too_many_concurrent_requests"
    assert state.wait_slots.has_room("anyone")
