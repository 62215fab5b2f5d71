"""Objects of others are told from missing ones by nothing, and are in no list."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import pytest

from tests.serve_app.api_harness import Api, Headers, error_of
from tests.serve_app.routes.access_credentials import full_key, full_session
from tests.serve_app.routes.access_objects import ask, ids
from tests.serve_app.routes.access_table import GUARDED, UNKNOWN_ID

BOB = "bob@example.com"


@pytest.mark.parametrize("credentials", [full_session, full_key], ids=["session", "key"])
def test_foreign_objects_are_404_like_missing_ones(
    api: Api, credentials: Callable[[Api, Headers], Headers]
) -> None:
    other = credentials(api, api.sign_up())
    theirs = ids(api, api.sign_up(BOB))
    before = api.contents()
    unknown = dict.fromkeys(theirs, UNKNOWN_ID)
    for route in GUARDED:
        names_nothing = "_id}" not in route.path + str(route.body)
        if names_nothing or route.status in (400, 415, 422, 501):  # refused before it is looked up
            continue
        answers = [ask(api, route, known, other) for known in (theirs, unknown)]
        refused = credentials is full_key and route.needs == "session"
        error_of(answers[0], 403 if refused else 404)
        assert answers[0].text == answers[1].text
        assert answers[0].headers == answers[1].headers
    assert api.contents() == before


TIMED = ["clips/{clip_id}", "uploads/{upload_id}", "voices/{voice_id}", "keys/{key_id}"]
ROUNDS = 40


@pytest.mark.parametrize("path", [*TIMED, "sessions/{session_id}"])
def test_foreign_objects_take_the_time_of_missing_ones(sqlite_api: Api, path: str) -> None:
    """Seconds of processor time, which other load on the machine does not lengthen."""
    other = sqlite_api.sign_up()
    theirs = ids(sqlite_api, sqlite_api.sign_up(BOB))
    unknown = dict.fromkeys(theirs, UNKNOWN_ID)
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * ROUNDS):
        foreign = turn % 2 == 0
        address = "/api/" + path.format(**(theirs if foreign else unknown))
        began = time.process_time()
        answer = sqlite_api.client.delete(address, headers=other)
        times[foreign].append(time.process_time() - began)
        assert answer.status_code == 404
    assert 0.8 < median(times[True]) / median(times[False]) < 1.25


def test_malformed_ids_are_404(api: Api) -> None:
    headers = api.sign_up()
    for odd in (
        "%00",
        "x" * 5_000,
        "0" * 31 + "%00",
        "%ED%A0%80",
        "%F0%9F%98%80",
        "1'--",
        "%0d%0aSet-Cookie:%20a=b",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
    ):
        for path in ("clips", "keys", "uploads", "voices", "sessions"):
            error_of(api.client.delete(f"/api/{path}/{odd}", headers=headers), 404)
        for path in ("clips", "uploads"):
            error_of(api.client.get(f"/api/{path}/{odd}", headers=headers), 404)


def test_lists_show_only_the_callers_own(api: Api) -> None:
    owner, other = api.sign_up(), api.sign_up(BOB)
    ids(api, owner)
    for path in ("/api/clips", "/api/keys"):
        assert api.client.get(path, headers=other).json()["items"] == []
    (own,) = api.client.get("/api/sessions", headers=other).json()["items"]
    assert own["current"]
    voices = api.client.get("/api/voices", headers=other).json()["items"]
    assert {voice["kind"] for voice in voices} == {"shipped"}
    entries = api.client.get("/api/credits", headers=other).json()["items"]
    assert [entry["reason"] for entry in entries] == ["sign_up"]
