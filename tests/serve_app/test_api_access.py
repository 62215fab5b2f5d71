"""Every route against every kind of credentials."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.routing import APIRoute

from tests.serve_app.api_harness import EMAIL, PASSWORD, SENTENCE, Api, Headers, bearer, error_of
from tests.serve_app.recordings import send, speech

UNKNOWN_ID = "0" * 32
SPEECH = {"text": SENTENCE, "voice": "af_heart"}
OPEN = {"/", "/api/sign-up", "/api/sign-in", "/healthz", "/readyz", "/metrics"}

Route = tuple[str, str, dict[str, object] | None, int]
"""Method, path, JSON body, and the status that a valid caller gets."""

ROUTES: list[Route] = [
    ("GET", "/api/me", None, 200),
    ("GET", "/api/credits", None, 200),
    ("POST", "/api/uploads", {"content_type": "audio/wav", "bytes": 1_000}, 201),
    ("GET", "/api/uploads/{upload_id}", None, 200),
    ("GET", "/api/voices", None, 200),
    ("GET", "/api/services", None, 200),
    ("POST", "/api/conversions", {"upload": "{upload_id}", "voice": "first"}, 202),
    ("POST", "/api/voices", {"name": "mine", "upload": "{upload_id}"}, 201),
    ("DELETE", "/api/voices/{voice_id}", None, 204),
    ("DELETE", "/api/uploads/{upload_id}", None, 204),
    ("POST", "/api/speech", SPEECH, 202),
    ("POST", "/api/sound-effects", {"prompt": "A dog barks twice."}, 202),
    ("GET", "/api/clips", None, 200),
    ("GET", "/api/clips/{clip_id}", None, 200),
    ("GET", "/api/clips/{clip_id}/audio", None, 409),
    ("DELETE", "/api/clips/{clip_id}", None, 204),
    ("GET", "/api/clips/{clip_id}/events", None, 200),
    ("POST", "/api/keys", {"name": "laptop"}, 201),
    ("GET", "/api/keys", None, 200),
    ("DELETE", "/api/keys/{key_id}", None, 204),
    ("POST", "/api/sign-out", None, 204),
]


def no_credentials(_api: Api, _session: Headers) -> Headers:
    return {}


def another_scheme(_api: Api, _session: Headers) -> Headers:
    return {"Authorization": "Basic YWRhOnB3"}


def wrong_token(_api: Api, _session: Headers) -> Headers:
    return bearer("bs_" + "x" * 43)


def wrong_key(_api: Api, _session: Headers) -> Headers:
    return bearer("bk_" + "x" * 43)


def hostile_token(_api: Api, _session: Headers) -> Headers:
    return {"Authorization": "Bearer bs_' OR 1=1 --"}


def revoked_session(api: Api, _session: Headers) -> Headers:
    signed_in = api.client.post("/api/sign-in", json={"email": EMAIL, "password": PASSWORD})
    headers = bearer(signed_in.json()["token"])
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
    wrong_token,
    wrong_key,
    hostile_token,
    revoked_session,
    revoked_key,
    expired_session,
    expired_key,
]


def ids(api: Api, session: Headers) -> dict[str, str]:
    upload = send(api, session, speech())
    voice = {"name": "first", "upload": upload["id"]}
    return {
        "clip_id": api.speak(session)["id"],
        "key_id": api.create_key(session)["id"],
        "upload_id": upload["id"],
        "voice_id": api.client.post("/api/voices", headers=session, json=voice).json()["id"],
    }


def filled(body: dict[str, object] | None, known: dict[str, str]) -> dict[str, object] | None:
    """A body whose strings name what is `known`."""
    if body is None:
        return None
    return {k: v.format(**known) if isinstance(v, str) else v for k, v in body.items()}


def test_the_table_has_every_route(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    documented = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert documented == {(method, path) for method, path, _, _ in ROUTES} | {
        ("POST", "/api/sign-up"),
        ("POST", "/api/sign-in"),
    }
    assert all(path.startswith("/api/") for _, path in documented)
    served = {route.path for route in api.app.routes if isinstance(route, APIRoute)}
    assert served - {path for _, path in documented} <= OPEN


@pytest.mark.parametrize("credentials", REFUSED, ids=lambda kind: kind.__name__)
def test_bad_credentials_are_refused_everywhere_alike(
    api: Api, credentials: Callable[[Api, Headers], Headers]
) -> None:
    session = api.sign_up()
    known = ids(api, session)
    headers = credentials(api, session)
    before = api.contents()
    bodies = set()
    for method, path, body, _ in ROUTES:
        answer = api.client.request(
            method, path.format(**known), json=filled(body, known), headers=headers
        )
        error_of(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        bodies.add(answer.text)
    assert len(bodies) == 1
    assert api.contents() == before


@pytest.mark.parametrize("kind", ["session", "key"])
def test_valid_credentials_are_accepted_everywhere(api: Api, kind: str) -> None:
    session = api.sign_up()
    headers = session if kind == "session" else bearer(api.create_key(session)["key"])
    known = ids(api, session)
    for method, path, body, status in ROUTES:
        answer = api.client.request(
            method, path.format(**known), json=filled(body, known), headers=headers
        )
        assert answer.status_code == status, (method, path, answer.text)


def test_what_belongs_to_another_looks_like_what_does_not_exist(api: Api) -> None:
    owner, other = api.sign_up(), api.sign_up("bob@example.com")
    theirs = ids(api, owner)
    unknown = dict.fromkeys(theirs, UNKNOWN_ID)
    before = api.contents()
    for method, path, body, _ in ROUTES:
        if "{" not in path:
            continue
        answers = [
            api.client.request(method, path.format(**known), json=body, headers=other)
            for known in (theirs, unknown)
        ]
        error_of(answers[0], 404)
        assert answers[0].text == answers[1].text
        assert answers[0].headers == answers[1].headers
    assert api.contents() == before


def test_ids_of_any_form_are_just_not_found(api: Api) -> None:
    headers = api.sign_up()
    for odd in (
        "%00",
        "x" * 5_000,
        "0" * 31 + "%00",
        "%ED%A0%80",
        "%F0%9F%98%80",
        "1'--",
        "%0d%0a",
    ):
        for path in ("/api/clips", "/api/keys", "/api/uploads", "/api/voices"):
            error_of(api.client.delete(f"{path}/{odd}", headers=headers), 404)
        for path in ("/api/clips", "/api/uploads"):
            error_of(api.client.get(f"{path}/{odd}", headers=headers), 404)


def test_lists_show_only_ones_own(api: Api) -> None:
    owner, other = api.sign_up(), api.sign_up("bob@example.com")
    ids(api, owner)
    for path in ("/api/clips", "/api/keys"):
        assert api.client.get(path, headers=other).json()["items"] == []
    entries = api.client.get("/api/credits", headers=other).json()["items"]
    assert [entry["reason"] for entry in entries] == ["sign_up"]
