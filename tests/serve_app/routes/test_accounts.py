from __future__ import annotations

from itertools import count

import httpx
import pytest
from starlette.testclient import TestClient

from serve_app.accounts import credentials, users
from tests.serve_app.api_harness import EMAIL, PASSWORD, Api, Headers, bearer, error_of
from tests.serve_app.served import served


def test_sign_up_signs_in_with_credits(api: Api) -> None:
    answer = api.client.post(
        "/api/sign-up", json={"email": "Ada@Example.com", "password": PASSWORD}
    )
    assert answer.status_code == 201
    signed_in = answer.json()
    assert signed_in["expires_at"] == "2027-02-14T08:00:00Z"
    assert signed_in["account"]["email"] == EMAIL
    me = api.client.get("/api/me", headers=bearer(signed_in["token"]))
    assert me.json() == signed_in["account"]
    assert (me.json()["credits"], me.json()["held"], me.json()["available"]) == (10_000, 0, 10_000)


def test_sign_up_with_a_taken_email_is_409(api: Api) -> None:
    api.sign_up()
    before = api.contents()
    again = api.client.post("/api/sign-up", json={"email": EMAIL.upper(), "password": PASSWORD})
    assert error_of(again, 409) | {"message": ""} == {
        "code": "email_taken",
        "message": "",
        "field": "email",
    }
    assert api.contents() | {"sign_in_failures": 1} == before


def test_sign_in_and_out(api: Api) -> None:
    api.sign_up()
    answer = api.client.post("/api/sign-in", json={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 200
    headers = bearer(answer.json()["token"])
    assert api.client.get("/api/me", headers=headers).status_code == 200
    assert api.client.post("/api/sign-out", headers=headers).status_code == 204
    assert (
        error_of(api.client.get("/api/me", headers=headers), 401)["code"] == "invalid_credentials"
    )


def test_sign_in_answers_unknown_email_and_wrong_password_alike(api: Api) -> None:
    api.sign_up()
    wrong = api.client.post("/api/sign-in", json={"email": EMAIL, "password": "wrong password"})
    unknown = api.client.post(
        "/api/sign-in", json={"email": "bob@example.com", "password": "wrong password"}
    )
    assert error_of(wrong, 401)["code"] == "wrong_credentials"
    assert wrong.json() == unknown.json()


def test_sign_in_attempts_are_limited(api: Api) -> None:
    api.sign_up()
    body = {"email": EMAIL, "password": "wrong password"}
    for _ in range(api.settings.sign_in_attempts):
        assert api.client.post("/api/sign-in", json=body).status_code == 401
    right = {"email": EMAIL, "password": PASSWORD}
    refused = api.client.post("/api/sign-in", json=right)
    assert error_of(refused, 429)["code"] == "too_many_attempts"
    wait = int(refused.headers["Retry-After"])
    assert 0 < wait <= api.settings.sign_in_window_seconds
    api.now += wait + 1
    assert api.client.post("/api/sign-in", json=right).status_code == 200


def test_session_expires(api: Api) -> None:
    headers = api.sign_up()
    api.now += api.settings.session_seconds - 1
    assert api.client.get("/api/me", headers=headers).status_code == 200
    api.now += 2
    error_of(api.client.get("/api/me", headers=headers), 401)


def test_create_key_shows_the_key_once(api: Api) -> None:
    headers = api.sign_up()
    created = api.create_key(headers, name="build server", expires_in_seconds=60)
    secret = created.pop("key")
    assert secret.startswith(created["prefix"])
    assert created["expires_at"] == "2027-01-15T08:01:00Z"
    listed = api.client.get("/api/keys", headers=headers)
    assert listed.json() == {"items": [created]}
    assert secret not in listed.text
    assert api.client.get("/api/me", headers=bearer(secret)).status_code == 200

    address = f"/api/keys/{created['id']}"
    assert api.client.delete(address, headers=headers).status_code == 204
    error_of(api.client.get("/api/me", headers=bearer(secret)), 401)
    assert error_of(api.client.delete(address, headers=headers), 404)["code"] == "api_key_not_found"
    assert api.client.get("/api/keys", headers=headers).json() == {"items": []}


def test_sign_out_refuses_a_key(api: Api) -> None:
    key = bearer(api.create_key(api.sign_up())["key"])
    error_of(api.client.post("/api/sign-out", headers=key), 403)
    assert api.client.get("/api/me", headers=key).status_code == 200


def test_end_session_from_another_session(api: Api) -> None:
    first = api.sign_up()
    answer = api.client.post("/api/sign-in", json={"email": EMAIL, "password": PASSWORD})
    second = bearer(answer.json()["token"])
    listed = api.client.get("/api/sessions", headers=second).json()["items"]
    assert [each.pop("current") for each in listed] == [True, False]
    assert listed[1] == {
        "id": listed[1]["id"],
        "created_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-02-14T08:00:00Z",
        "client": "api",
        "last_used_at": None,
    }
    assert listed[1]["id"] not in first["Authorization"]
    address = f"/api/sessions/{listed[1]['id']}"
    assert api.client.delete(address, headers=second).status_code == 204
    error_of(api.client.get("/api/me", headers=first), 401)
    error = error_of(api.client.delete(address, headers=second), 404)
    assert error["code"] == "session_not_found"
    assert api.client.delete("/api/sessions", headers=second).status_code == 204
    error_of(api.client.get("/api/me", headers=second), 401)


def test_sign_up_is_limited_by_address(sqlite_api: Api) -> None:
    body = {"email": EMAIL, "password": PASSWORD}
    for _ in range(10 * sqlite_api.settings.sign_in_attempts):
        assert sqlite_api.client.post("/api/sign-up", json=body).status_code in (201, 409)
    refused = sqlite_api.client.post("/api/sign-up", json=body)
    assert error_of(refused, 429)["code"] == "too_many_attempts"
    assert sqlite_api.client.post("/api/sign-in", json=body).status_code == 200
    sqlite_api.now += int(refused.headers["Retry-After"])
    assert sqlite_api.client.post("/api/sign-up", json=body).status_code == 409


@pytest.mark.parametrize("trusted", ["127.0.0.1", "192.0.2.1"])
def test_sign_up_limits_use_the_address_given_by_a_trusted_proxy(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch, trusted: str
) -> None:
    """The connections are from 127.0.0.1. What a client itself put into the header comes first in
    it, and is not believed."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    strict = sqlite_api.settings.model_copy(update={"sign_in_attempts": 1})
    api = Api(strict, sqlite_api.database, sqlite_api.store)
    attempts = count()

    def attempt(url: str, forwarded_for: str) -> int:
        body = {"email": f"nobody{next(attempts)}@example.com", "password": PASSWORD}
        headers = {"X-Forwarded-For": forwarded_for}
        return httpx.post(f"{url}/api/sign-in", json=body, headers=headers).status_code

    with served(api) as url:
        claimed = [f"198.51.100.{number}, 203.0.113.1" for number in range(10)]
        assert [attempt(url, header) for header in claimed] == [401] * 10
        assert attempt(url, "198.51.100.99, 203.0.113.1") == 429
        assert attempt(url, "203.0.113.2") == (401 if trusted == "127.0.0.1" else 429)


def test_sign_up_closed_is_403(sqlite_api: Api) -> None:
    closed = sqlite_api.settings.model_copy(update={"open_sign_up": False})
    api = Api(closed, sqlite_api.database, sqlite_api.store)
    answer = api.client.post("/api/sign-up", json={"email": EMAIL, "password": PASSWORD})
    assert error_of(answer, 403)["code"] == "sign_up_closed"
    assert api.contents()["users"] == 0


def test_credits_ledger_is_paged(api: Api) -> None:
    headers = api.sign_up()
    page = api.client.get("/api/credits", headers=headers, params={"limit": 1}).json()
    assert page == {
        "items": [
            {
                "amount": 10_000,
                "balance": 10_000,
                "reason": "sign_up",
                "clip_id": None,
                "created_at": "2027-01-15T08:00:00Z",
            }
        ],
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"email": "ada", "password": PASSWORD}, "email", "name@example.com"),
        ({"email": "a\x00b@c", "password": PASSWORD}, "email", "name@example.com"),
        ({"email": "é@example.com", "password": PASSWORD}, "email", "name@example.com"),
        ({"email": "a@" + "b" * 253, "password": PASSWORD}, "email", "3 to 254 characters"),
        ({"email": 7, "password": PASSWORD}, "email", "a string"),
        ({"email": EMAIL, "password": "short"}, "password", "8 to 200 characters"),
        ({"email": EMAIL, "password": "x" * 201}, "password", "8 to 200 characters"),
        ({"email": EMAIL}, "password", "missing"),
        ({"email": EMAIL, "password": PASSWORD, "admin": True}, "admin", "not a known field"),
        ([], "body", "a JSON object"),
    ],
)
def test_sign_up_with_invalid_fields_makes_no_account(
    sqlite_api: Api, body: object, field: str, says: str
) -> None:
    error = error_of(sqlite_api.client.post("/api/sign-up", json=body), 422)
    assert error["field"] == field
    assert error["message"].startswith(field)
    assert says in error["message"]
    assert sqlite_api.contents()["users"] == 0


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"name": ""}, "name", "1 to 100 characters"),
        ({"name": "a\nb"}, "name", "control characters"),
        ({"name": "a", "expires_in_seconds": 0}, "expires_in_seconds", "between 1 and 315360000"),
        ({"name": "a", "expires_in_seconds": True}, "expires_in_seconds", "whole number"),
        ({"name": "a", "expires_in_seconds": 10**30}, "expires_in_seconds", "between 1 and"),
        ({"name": "a", "scopes": []}, "scopes", "not be empty"),
        ({"name": "a", "scopes": ["read", "read"]}, "scopes", "nothing twice"),
        ({"name": "a", "scopes": ["admin"]}, "scopes.0", "'generate' or 'read'"),
        ({"name": "a", "scopes": "read"}, "scopes", "a list"),
        ({"name": "a", "scopes": [["read"]]}, "scopes.0", "one of"),
    ],
)
def test_create_key_with_invalid_fields_makes_no_key(
    sqlite_api: Api, body: dict[str, object], field: str, says: str
) -> None:
    headers = sqlite_api.sign_up()
    error = error_of(sqlite_api.client.post("/api/keys", headers=headers, json=body), 422)
    assert error["field"] == field
    assert says in error["message"]
    assert sqlite_api.contents()["api_keys"] == 0


def studio_session(api: Api) -> Headers:
    body = {"email": EMAIL, "password": PASSWORD, "client": "studio"}
    return bearer(api.client.post("/api/sign-in", json=body).json()["token"])


def test_studio_session_lasts_twelve_hours(api: Api) -> None:
    api.sign_up()
    headers = studio_session(api)
    for _ in range(24):
        assert api.client.get("/api/me", headers=headers).status_code == 200
        api.now += 1_799
    assert api.client.get("/api/me", headers=headers).status_code == 200
    api.now += 25
    error_of(api.client.get("/api/me", headers=headers), 401)


def test_studio_session_ends_after_an_idle_hour(api: Api) -> None:
    stays = api.sign_up()
    headers = studio_session(api)
    api.now += 3_599
    listed = api.client.get("/api/sessions", headers=headers).json()["items"]
    assert [each["client"] for each in listed] == ["studio", "api"]
    api.now += 3_601
    error_of(api.client.get("/api/me", headers=headers), 401)
    assert len(api.client.get("/api/sessions", headers=stays).json()["items"]) == 1


def link_of(api: Api) -> str:
    with api.database.transaction() as session:
        user = users.by_email(session, EMAIL)
        return credentials.open_link(session, user, api.now)


def test_link_signs_in_once(api: Api) -> None:
    headers = api.sign_up()
    link = link_of(api)
    assert len(api.client.get("/api/sessions", headers=headers).json()["items"]) == 1
    error_of(api.client.get("/api/me", headers=bearer(link)), 401)
    local = TestClient(api.app, client=("127.0.0.1", 50_000))
    answer = local.post("/api/sign-in/link", json={"link": link})
    assert answer.status_code == 200, answer.text
    assert answer.json()["account"]["email"] == EMAIL
    assert local.get("/api/me", headers=bearer(answer.json()["token"])).status_code == 200
    again = error_of(local.post("/api/sign-in/link", json={"link": link}), 401)
    assert again["code"] == "invalid_link"


def test_link_expires(api: Api) -> None:
    api.sign_up()
    link = link_of(api)
    api.now += 601
    local = TestClient(api.app, client=("::1", 50_000))
    error_of(local.post("/api/sign-in/link", json={"link": link}), 401)


def test_link_works_on_loopback_only(api: Api) -> None:
    api.sign_up()
    far = TestClient(api.app, client=("192.0.2.7", 50_000))
    error = error_of(far.post("/api/sign-in/link", json={"link": link_of(api)}), 403)
    assert error["code"] == "not_loopback"


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ([], 200),
        (["127.0.0.1"], 200),
        (["::1, 127.0.0.1"], 200),
        (["192.0.2.7"], 403),
        (["192.0.2.7, 127.0.0.1"], 403),
        (["127.0.0.1, 192.0.2.7"], 403),
        (["127.0.0.1", "192.0.2.7"], 403),
        (["unknown"], 403),
    ],
)
def test_link_works_through_proxies_of_this_machine_only(
    api: Api, forwarded: list[str], status: int
) -> None:
    """Whether or not the server was told to believe them."""
    api.sign_up()
    near = TestClient(api.app, client=("127.0.0.1", 50_000))
    sent = httpx.Headers([("X-Forwarded-For", each) for each in forwarded])
    answer = near.post("/api/sign-in/link", json={"link": link_of(api)}, headers=sent)
    assert answer.status_code == status
