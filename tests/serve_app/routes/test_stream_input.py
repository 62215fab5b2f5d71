"""What connections over a WebSocket may hold. `tests/clients` tests what they are for."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial
from threading import Event
from typing import Any

import pytest
from starlette.testclient import WebSocketTestSession

from serve_app.db.models import Clip
from serve_app.http.pace import Pace
from serve_app.http.submission import Submission
from serve_app.http.wait_slots import WaitSlots
from serve_app.media.clips import NewClip
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


def free_places(slots: WaitSlots) -> int:
    """How many could be held now."""
    with ExitStack() as held:
        return sum(1 for _ in iter(lambda: held.enter_context(slots.hold("anyone")), False))


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


def test_who_leaves_while_the_server_is_behind_is_noticed(sqlite_api: Api) -> None:
    key, most = key_of(sqlite_api), 40
    settings = sqlite_api.settings.model_copy(update={"max_text_characters": most})
    state = state_of(sqlite_api, settings=settings, wait_slots=WaitSlots(2, 2))
    with opened(sqlite_api, key) as socket:
        socket.send_json({"text": "It rains here. ", "flush": True})
        headers = {"xi-api-key": key}
        listed = partial(sqlite_api.client.get, "/api/clips", headers=headers)
        until(lambda: listed().json()["items"], 5, "the first piece is a clip, which nobody makes")
        for text in ("word " * 8, "word", "and more"):
            socket.send_json({"text": text})
        time.sleep(0.1)
        socket.close()
        until(lambda: listed().json()["items"][0]["state"] == "cancelled", 5, "it is cancelled")
        until(lambda: free_places(state.wait_slots) == 2, 5, "its places are free")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (json.dumps({"text": "", "more": "x" * 65_000}), "body_too_large"),
        ("[" * 50_000, "invalid_message"),
        ('{"seed": ' + "9" * 5_000 + "}", "invalid_message"),
        ("no JSON", "invalid_message"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused(
    sqlite_api: Api, message: str, error: str
) -> None:
    with opened(sqlite_api, None) as socket:
        socket.send_text(message)
        assert socket.receive_json()["error"] == error


def test_messages_have_a_pace(sqlite_api: Api) -> None:
    counted: list[str] = []

    class Counting(Pace):
        def delay(self, user: str) -> float:
            counted.append(user)
            return 0.0

    key = key_of(sqlite_api)
    state_of(sqlite_api, message_pace=Counting())
    with opened(sqlite_api, key) as socket:
        for text in (" ", " ", ""):
            socket.send_json({"text": text})
        assert socket.receive_json()["isFinal"]
    assert len(counted) == 2, "all but the first, for which the connection waits"


def test_a_clip_that_is_made_while_its_caller_leaves_is_cancelled(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, made, left = key_of(sqlite_api), Event(), Event()
    enqueue = Submission._enqueue

    def slow(submission: Submission, new: NewClip) -> Clip:
        clip = enqueue(submission, new)
        made.set()
        assert left.wait(10)
        return clip

    monkeypatch.setattr(Submission, "_enqueue", slow)
    with opened(sqlite_api, key) as socket:
        socket.send_json({"text": "It rains here. "})
        socket.send_json({"text": ""})
        assert made.wait(10)
        socket.close()
        time.sleep(0.1)
        left.set()
        listed = partial(sqlite_api.client.get, "/api/clips", headers={"xi-api-key": key})
        until(lambda: listed().json()["items"][0]["state"] == "cancelled", 5, "it is cancelled")
