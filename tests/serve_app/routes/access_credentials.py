"""Credentials, each made of a session of Ada's: such as are refused, and such as are enough."""

from __future__ import annotations

from collections.abc import Callable

from tests.serve_app.api_harness import Api, Headers, bearer
from tests.serve_app.routes.access_table import SIGN_IN, Need


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
