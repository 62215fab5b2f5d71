"""Every route against every kind of credentials."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.routing import iter_route_contexts

from serve_app.http.surface_errors import surface_of
from tests.serve_app.api_harness import Api, Headers, error_of
from tests.serve_app.routes.access_credentials import REFUSED, VALID
from tests.serve_app.routes.access_objects import ask, ids
from tests.serve_app.routes.access_table import GUARDED, ROUTES, Need


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


def test_no_cookies_and_no_cors(api: Api) -> None:
    """Browsers send no credentials on their own, so that no other site can use them."""
    session = api.sign_up()
    known = ids(api, session)
    for route in ROUTES:
        answer = ask(api, route, known, session | {"Origin": "https://evil.example"})
        assert "set-cookie" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control-")]
