"""Every route against every kind of credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Literal, NamedTuple

import pytest
from fastapi.routing import iter_route_contexts

from serve_app.db.models import Batch
from serve_app.http.surface_errors import surface_of
from serve_app.ids import new_id
from serve_app.routes.elevenlabs.unbuilt import UNBUILT
from serve_app.routes.studio import studio_files
from tests.serve_app.api_harness import EMAIL, PASSWORD, SENTENCE, Api, Headers, bearer, error_of
from tests.serve_app.recordings import send, speech

UNKNOWN_ID = "0" * 32
BOB = "bob@example.com"

Need = Literal["nothing", "read", "generate", "session"]
"""What a route takes: no credentials, a scope of a key, or a session."""


class Route(NamedTuple):
    needs: Need
    method: str
    path: str
    status: int
    """The status of a permitted request."""
    body: dict[str, Any] | None = None


SIGN_UP = {"email": "new@example.com", "password": PASSWORD}
SIGN_IN = {"email": EMAIL, "password": PASSWORD}
CONVERSION = {"upload": "{upload_id}", "voice": "af_heart"}
ROUTES = [
    Route("nothing", "GET", "/openapi.json", 200),
    Route("nothing", "POST", "/api/sign-up", 201, SIGN_UP),
    Route("nothing", "POST", "/api/sign-in", 200, SIGN_IN),
    Route("nothing", "POST", "/api/sign-in/link", 403, {"link": "bl_"}),
    Route("nothing", "GET", "/", 200),
    Route("nothing", "GET", "/studio", 200),
    Route("nothing", "GET", "/studio/", 200),
    Route("nothing", "GET", "/studio/{version}/{name}", 404),
    Route("nothing", "GET", "/studio/{version}/{folder}/{name}", 200),
    Route("nothing", "GET", "/healthz", 200),
    Route("nothing", "GET", "/readyz", 200),
    Route("nothing", "GET", "/metrics", 200),
    Route("read", "GET", "/api/me", 200),
    Route("read", "GET", "/api/credits", 200),
    Route("read", "GET", "/api/sessions", 200),
    Route("read", "GET", "/api/keys", 200),
    Route("read", "GET", "/api/services", 200),
    Route("read", "GET", "/api/status", 200),
    Route("read", "GET", "/api/voices", 200),
    Route("read", "GET", "/api/uploads/{upload_id}", 200),
    Route("read", "GET", "/v1/voices", 200),
    Route("read", "GET", "/v2/voices", 200),
    Route("read", "GET", "/v1/voices/settings/default", 200),
    Route("read", "GET", "/v1/voices/{voice_id}", 200),
    Route("read", "GET", "/v1/voices/{voice_id}/settings", 200),
    Route("read", "GET", "/api/clips", 200),
    Route("read", "GET", "/api/clips/{clip_id}", 200),
    Route("read", "GET", "/api/clips/{clip_id}/audio", 409),
    Route("read", "GET", "/api/clips/{clip_id}/peaks", 409),
    Route("read", "GET", "/api/clips/{clip_id}/words", 409),
    Route("read", "GET", "/api/clips/{clip_id}/captions.srt", 409),
    Route("read", "GET", "/api/clips/{clip_id}/captions.vtt", 409),
    Route("read", "GET", "/api/voices/{voice}/sample", 200),
    Route("read", "GET", "/api/batches", 200),
    Route("read", "GET", "/api/batches/{batch_id}", 200),
    Route("read", "GET", "/api/batches/{batch_id}/results", 200),
    Route("read", "GET", "/api/batches/{batch_id}/errors", 200),
    Route("generate", "POST", "/api/batches", 422, {"upload": "{upload_id}"}),
    Route("generate", "DELETE", "/api/batches/{batch_id}", 202),
    # It has ended, so that its events have an end.
    Route("read", "GET", "/api/batches/{batch_id}/events", 200),
    Route("generate", "POST", "/api/uploads", 201, {"content_type": "audio/wav", "bytes": 9}),
    Route("generate", "POST", "/api/voices", 201, {"name": "mine", "upload": "{upload_id}"}),
    Route("generate", "POST", "/api/speech", 202, {"text": SENTENCE, "voice": "af_heart"}),
    Route("generate", "POST", "/api/sound-effects", 202, {"prompt": "A dog barks twice."}),
    Route("generate", "POST", "/api/conversions", 202, CONVERSION),
    Route("generate", "PATCH", "/api/voices/{voice_id}", 200, {"name": "mine too"}),
    Route("generate", "POST", "/v1/text-to-speech/{voice_id}", 422, {"text": ""}),
    *(
        Route("generate", "POST", f"/v1/text-to-speech/{{voice_id}}{end}", 422, {"text": ""})
        for end in ("/stream", "/with-timestamps", "/stream/with-timestamps")
    ),
    Route("generate", "DELETE", "/api/voices/{voice_id}", 204),
    Route("generate", "DELETE", "/api/uploads/{upload_id}", 204),
    Route("generate", "DELETE", "/api/clips/{clip_id}", 204),
    # Cancelled by now, so that its events have an end.
    Route("read", "GET", "/api/clips/{clip_id}/events", 200),
    Route("read", "GET", "/v1/models", 200),
    Route("read", "GET", "/v1/models/{model_id}", 404),
    Route("read", "GET", "/v1/audio/models", 200),
    Route("read", "GET", "/v1/audio/voices", 200),
    # Refused behind the check of credentials: a clip that is made would have to be waited for.
    Route("generate", "POST", "/v1/audio/speech", 400, {"model": "x", "input": "", "voice": "y"}),
    Route("read", "GET", "/v1/files", 200),
    Route("read", "GET", "/v1/files/{file_id}", 200),
    Route("read", "GET", "/v1/files/{file_id}/content", 200),
    Route("read", "GET", "/v1/batches", 200),
    Route("read", "GET", "/v1/batches/{batch_id}", 200),
    Route("generate", "POST", "/v1/batches/{batch_id}/cancel", 400),
    Route("generate", "POST", "/v1/batches", 400, {"input_file_id": ""}),
    Route("generate", "POST", "/v1/files", 415),
    Route("generate", "DELETE", "/v1/files/{file_id}", 200),
    Route("read", "GET", "/v1/voices/{voice_id}/samples/{sample_id}/audio", 404),
    Route("read", "GET", "/v1/history", 200),
    Route("read", "GET", "/v1/history/{item_id}", 404),
    Route("read", "GET", "/v1/history/{item_id}/audio", 404),
    Route("read", "GET", "/v1/user", 200),
    Route("read", "GET", "/v1/user/subscription", 200),
    Route("read", "GET", "/v1/usage/character-stats", 422),
    Route("generate", "POST", "/v1/sound-generation", 422, {"text": ""}),
    *(
        Route("generate", "POST", f"/v1/{name}/{{voice_id}}{end}", 415)
        for name in ("voice-changer", "speech-to-speech")
        for end in ("", "/stream")
    ),
    Route("generate", "POST", "/v1/voices/{voice_id}/settings/edit", 404, {}),
    *(
        Route("generate", "POST", f"/v1/text-to-dialogue{end}", 422, {"inputs": []})
        for end in ("", "/stream", "/with-timestamps", "/stream/with-timestamps")
    ),
    Route("read", "GET", "/v1/pronunciation-dictionaries", 200),
    Route("read", "GET", "/v1/pronunciation-dictionaries/{dictionary_id}", 404),
    Route(
        "read", "GET", "/v1/pronunciation-dictionaries/{dictionary_id}/{version_id}/download", 404
    ),
    Route("generate", "POST", "/v1/pronunciation-dictionaries/add-from-file", 415),
    Route(
        "generate",
        "POST",
        "/v1/pronunciation-dictionaries/add-from-rules",
        422,
        {"name": "", "rules": []},
    ),
    Route("generate", "PATCH", "/v1/pronunciation-dictionaries/{dictionary_id}", 404, {}),
    *(
        Route(
            "generate",
            "POST",
            f"/v1/pronunciation-dictionaries/{{dictionary_id}}/{verb}-rules",
            404,
            {"rules": [], "rule_strings": []},
        )
        for verb in ("set", "add", "remove")
    ),
    Route("generate", "POST", "/v1/voices/add", 415),
    Route("generate", "POST", "/v1/voices/{voice_id}/edit", 415),
    Route("generate", "DELETE", "/v1/voices/{voice_id}", 404),
    Route("generate", "DELETE", "/v1/voices/{voice_id}/samples/{sample_id}", 404),
    Route("generate", "DELETE", "/v1/history/{item_id}", 404),
    Route("generate", "POST", "/v1/history/download", 422, {"history_item_ids": "{item_id}"}),
    *(Route("generate", "POST", f"/v1{path}", 501) for path in UNBUILT),
    Route("session", "POST", "/api/keys", 201, {"name": "laptop"}),
    Route("session", "DELETE", "/api/keys/{key_id}", 204),
    Route("session", "DELETE", "/api/sessions/{session_id}", 204),
    Route("session", "POST", "/api/sign-out", 204),
    Route("session", "DELETE", "/api/sessions", 204),
]
GUARDED = [route for route in ROUTES if route.needs != "nothing"]


# Credentials, each made of a session of Ada's


def no_credentials(_api: Api, _session: Headers) -> Headers:
    return {}


def another_scheme(_api: Api, _session: Headers) -> Headers:
    return {"Authorization": "Basic YWRhOnB3"}


def a_cookie(_api: Api, session: Headers) -> Headers:
    token = session["Authorization"].removeprefix("Bearer ")
    return {"Cookie": f"token={token}; session={token}; Authorization={token}"}


def wrong_token(_api: Api, _session: Headers) -> Headers:
    return bearer("bs_" + "x" * 43)


def wrong_key(_api: Api, _session: Headers) -> Headers:
    return bearer("bk_" + "x" * 43)


def hostile_token(_api: Api, _session: Headers) -> Headers:
    return {"Authorization": "Bearer bs_' OR 1=1 --"}


def revoked_session(api: Api, _session: Headers) -> Headers:
    headers = sign_in(api)
    assert api.client.post("/api/sign-out", headers=headers).status_code == 204
    return headers


def revoked_key(api: Api, session: Headers) -> Headers:
    key = api.create_key(session)
    assert api.client.delete(f"/api/keys/{key['id']}", headers=session).status_code == 204
    return bearer(key["key"])


def expired_session(api: Api, session: Headers) -> Headers:
    api.now += api.settings.session_seconds
    return session


def expired_key(api: Api, session: Headers) -> Headers:
    key = api.create_key(session, expires_in_seconds=10)
    api.now += 10
    return bearer(key["key"])


REFUSED: list[Callable[[Api, Headers], Headers]] = [
    no_credentials,
    another_scheme,
    a_cookie,
    wrong_token,
    wrong_key,
    hostile_token,
    revoked_session,
    revoked_key,
    expired_session,
    expired_key,
]


def full_session(api: Api, _session: Headers) -> Headers:
    return sign_in(api)


def full_key(api: Api, session: Headers) -> Headers:
    return bearer(api.create_key(session)["key"])


def read_key(api: Api, session: Headers) -> Headers:
    return bearer(api.create_key(session, scopes=["read"])["key"])


def generate_key(api: Api, session: Headers) -> Headers:
    return bearer(api.create_key(session, scopes=["generate"])["key"])


VALID: list[tuple[Callable[[Api, Headers], Headers], set[Need]]] = [
    (full_session, {"read", "generate", "session"}),
    (full_key, {"read", "generate"}),
    (read_key, {"read"}),
    (generate_key, {"generate"}),
]
"""Each with what it allows."""


def sign_in(api: Api) -> Headers:
    return bearer(api.client.post("/api/sign-in", json=SIGN_IN).json()["token"])


def add_batch(api: Api, user_id: str) -> str:
    """The id of a batch without lines, that has ended."""
    counts = dict.fromkeys(("total", "waiting", "line_credits", "price", "held"), 0)
    batch = Batch(
        id=new_id(),
        user_id=user_id,
        manifest="s3://api/lines.jsonl",
        manifest_sha256="0" * 64,
        output="s3://api/out/",
        created_at=api.now,
        finished_at=api.now,
        **counts,
    )
    with api.database.transaction() as session:
        session.add(batch)
    return batch.id


def ids(api: Api, session: Headers) -> dict[str, str]:
    """One object of each kind."""
    upload = send(api, session, speech())
    user_id = api.client.get("/api/me", headers=session).json()["id"]
    voice = {"name": "first", "upload": upload["id"]}
    sessions = api.client.get("/api/sessions", headers=session).json()["items"]
    return {
        "clip_id": api.speak(session)["id"],
        "key_id": api.create_key(session)["id"],
        "upload_id": upload["id"],
        "voice_id": api.client.post("/api/voices", headers=session, json=voice).json()["id"],
        "batch_id": add_batch(api, user_id),
        "file_id": send(api, session, b"{}\n", "application/x-ndjson")["id"],
        "model_id": "no-such-model",
        "item_id": UNKNOWN_ID,
        "dictionary_id": UNKNOWN_ID,
        "version_id": UNKNOWN_ID,
        "sample_id": UNKNOWN_ID,
        "voice": "af_heart",
        "version": studio_files().version,
        "folder": "pages",
        "name": "speech.js",
        "session_id": next(each["id"] for each in sessions if each["current"]),
    }


def ask(api: Api, route: Route, known: dict[str, str], headers: Headers) -> Any:
    body = route.body and {
        name: value.format(**known) if isinstance(value, str) else value
        for name, value in route.body.items()
    }
    path = route.path.format(**known)
    return api.client.request(route.method, path, json=body, headers=headers)


def test_access_table_has_every_route(api: Api) -> None:
    """Of the document, and of the application besides it."""
    document = api.client.get("/openapi.json").json()
    documented = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert documented == {(each.method, each.path) for each in ROUTES if "/api/" in each.path}
    served = {
        (method, route.path)
        for route in iter_route_contexts(api.app.routes)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert served == {(each.method, each.path) for each in ROUTES}
    for route in [route for route in GUARDED if "/api/" in route.path]:
        operation = document["paths"][route.path][route.method.lower()]
        assert {"401", "403"} < set(operation["responses"]), route


@pytest.mark.parametrize("credentials", REFUSED, ids=lambda kind: kind.__name__)
def test_invalid_credentials_are_401_on_every_route(
    api: Api, credentials: Callable[[Api, Headers], Headers]
) -> None:
    session = api.sign_up()
    known = ids(api, session)
    headers = credentials(api, session)
    before = api.contents()
    bodies = set()
    for route in GUARDED:
        answer = ask(api, route, known, headers)
        error_of(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        bodies.add((surface_of({"path": route.path, "headers": []}), answer.text))
    # One for the API and for each surface of other services' clients.
    assert len(bodies) == len({surface for surface, _ in bodies})
    assert api.contents() == before
    for route in ROUTES:
        if route.needs == "nothing":
            assert ask(api, route, known, headers).status_code == route.status


@pytest.mark.parametrize(
    ("credentials", "enough_for"), VALID, ids=["session", "key", "read-key", "generate-key"]
)
def test_credentials_allow_their_scopes_only(
    api: Api, credentials: Callable[[Api, Headers], Headers], enough_for: set[Need]
) -> None:
    session = api.sign_up()
    known = ids(api, session)
    if "generate" not in enough_for:
        api.client.delete(f"/api/clips/{known['clip_id']}", headers=session)
    headers = credentials(api, session)
    before = api.contents()
    for route in GUARDED:
        if route.needs not in enough_for:
            code = "session_needed" if route.needs == "session" else "scope_missing"
            assert error_of(ask(api, route, known, headers), 403)["code"] == code
    assert api.contents() == before
    for route in GUARDED:
        if route.needs in enough_for:
            answer = ask(api, route, known, headers)
            assert answer.status_code == route.status, (route, answer.text)
            if route.needs == "session":  # it may have ended this one
                headers = credentials(api, session)


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


def test_no_cookies_and_no_cors(api: Api) -> None:
    """Browsers send no credentials on their own, so that no other site can use them."""
    session = api.sign_up()
    known = ids(api, session)
    for route in ROUTES:
        answer = ask(api, route, known, session | {"Origin": "https://evil.example"})
        assert "set-cookie" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control-")]
