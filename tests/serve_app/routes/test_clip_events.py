"""The events of a clip over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from serve_app.http.wait_slots import MAX_WAITING_PER_USER
from serve_app.jobs import claiming, queue
from serve_app.jobs.events import Kind
from serve_app.jobs.queue import Claim
from serve_app.routes import clip_events
from tests.serve_app.api_harness import Api, Headers, error_of
from tests.serve_app.listener import Listener, listening
from tests.waiting import until_on_loop

STEP = {"segment": 1, "segments": 2, "step": 3, "steps": 10}


def start(api: Api) -> Claim:
    with api.database.transaction() as session:
        (claim,) = claiming.claim(session, api.settings, api.now)
    return claim


def report(api: Api, claim: Claim) -> None:
    with api.database.transaction() as session:
        queue.report(session, claim.clip.id, claim.token, Kind.PROGRESS, STEP, api.now)


def fail(api: Api, claim: Claim) -> None:
    with api.database.transaction() as session:
        queue.fail(session, claim.clip.id, claim.token, "model_failed", "No.", api.now)


def told(listener: Listener) -> list[tuple[str | None, str, dict[str, Any]]]:
    """Number, kind and data of each event so far."""
    found = []
    for message in listener.body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in message.splitlines() if line[:1] != ":")
        if "event" in fields:
            found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found


def path(clip: dict[str, Any]) -> str:
    return f"/api/clips/{clip['id']}/events"


def test_follow_clip_streams_to_the_end(api: Api) -> None:
    headers = api.sign_up()
    clip = api.speak(headers)

    async def follow() -> Listener:
        async with listening(api, headers, path(clip)) as listener:
            await listener.until_body(b"event: position")
            claim = start(api)
            await listener.until_body(b"event: started")
            report(api, claim)
            await listener.until_body(b"event: progress")
            fail(api, claim)
            await listener.end()
            return listener

    listener = asyncio.run(follow())
    assert (listener.status, listener.whole) == (200, True)
    assert listener.headers["content-type"].startswith("text/event-stream")
    assert listener.headers["cache-control"] == "no-store"
    at = {"at": "2027-01-15T08:00:00Z"}
    place = {"position": 0, "start_at": at["at"]}
    assert told(listener) == [
        ("1", "queued", at | place),
        (None, "position", place),
        ("2", "started", at | {"attempt": 1}),
        ("3", "progress", at | STEP),
        ("4", "failed", at | {"code": "model_failed", "message": "No."}),
    ]


def test_follow_clip_resumes_after_the_last_event_id(api: Api) -> None:
    headers = api.sign_up()
    clip = api.speak(headers)
    fail(api, start(api))

    def numbers(query: str = "", **more: str) -> list[str | None]:
        async def follow() -> Listener:
            async with listening(api, headers | more, path(clip), query) as listener:
                await listener.end()
                return listener

        return [number for number, _, _ in told(asyncio.run(follow()))]

    assert numbers() == ["1", "2", "3"]
    assert numbers(**{"Last-Event-ID": "1"}) == ["2", "3"]
    assert numbers("after=2") == ["3"]
    assert numbers("after=2", **{"Last-Event-ID": "1"}) == ["2", "3"]
    seen_all = api.client.get(path(clip), headers=headers, params={"after": 3})
    assert (seen_all.status_code, seen_all.content) == (204, b"")


def test_follow_clip_sends_the_position_when_it_changes(api: Api) -> None:
    headers = api.sign_up()
    first, clip = api.speak(headers), api.speak(headers)

    async def follow() -> Listener:
        async with listening(api, headers, path(clip)) as listener:
            await listener.until_body(b"event: position")
            await asyncio.sleep(4 * api.settings.poll_seconds)
            api.client.delete(f"/api/clips/{first['id']}", headers=headers)
            await until_on_loop(
                lambda: listener.body.count(b"event: position") == 2, 10, "two positions are sent"
            )
            return listener

    places = [(n, data["position"]) for n, kind, data in told(asyncio.run(follow())) if n is None]
    assert places == [(None, 1), (None, 0)]


def test_follow_clip_sends_keep_alive_comments(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_events, "KEEP_ALIVE_SECONDS", 0.1)
    headers = sqlite_api.sign_up()
    clip = sqlite_api.speak(headers)

    async def follow() -> int:
        async with listening(sqlite_api, headers, path(clip)) as listener:
            await listener.until_body(b":\n\n:\n\n")
            return len(told(listener))

    assert asyncio.run(follow()) == 2


def test_follow_clip_ends_when_the_client_disconnects(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    clip = sqlite_api.speak(headers)

    async def follow() -> None:
        for _ in range(MAX_WAITING_PER_USER + 1):  # each gives its place back
            async with listening(sqlite_api, headers, path(clip)) as listener:
                await listener.until_body(b"event: queued")
                listener.disconnect()
                await listener.end(5 * sqlite_api.settings.poll_seconds + 1)
                assert listener.status == 200

    asyncio.run(follow())


def test_follow_clip_ends_with_a_deleted_clip(api: Api) -> None:
    headers = api.sign_up()
    clip = api.speak(headers)

    async def follow() -> Listener:
        async with listening(api, headers, path(clip)) as listener:
            await listener.until_body(b"event: position")
            with api.database.transaction() as session:
                row = session.get_one(queue.Clip, clip["id"])
                row.deleted_at = api.now
            await listener.end()
            return listener

    listener = asyncio.run(follow())
    assert [kind for _, kind, _ in told(listener)] == ["queued", "position"]


def test_follow_clip_is_bounded_per_user(sqlite_api: Api) -> None:
    ada, bob = sqlite_api.sign_up(), sqlite_api.sign_up("bob@example.com")
    of_ada, of_bob = sqlite_api.speak(ada), sqlite_api.speak(bob)

    async def follow(count: int, headers: Headers, clip: dict[str, Any]) -> list[Listener]:
        return [Listener(sqlite_api, headers, path(clip)) for _ in range(count)]

    async def all_at_once() -> list[Listener]:
        everyone = await follow(MAX_WAITING_PER_USER, ada, of_ada)
        for each in everyone:
            await each.until_body(b"queued")
        late = [*await follow(1, ada, of_ada), *await follow(1, bob, of_bob)]
        await late[0].end()
        await late[1].until_body(b"queued")
        for each in [*everyone, late[1]]:
            each.disconnect()
            await each.end()
        return late

    refused, other = asyncio.run(all_at_once())
    assert (refused.status, other.status) == (429, 200)
    assert json.loads(refused.body)["error"]["code"] == "too_many_streams"
    assert int(refused.headers["retry-after"]) > 0


def test_follow_clip_of_another_user_is_404(api: Api) -> None:
    ada, bob = api.sign_up(), api.sign_up("bob@example.com")
    clip = api.speak(ada)
    for address in (path(clip), "/api/clips/nonsense/events"):
        error = error_of(api.client.get(address, headers=bob), 404)
        assert error["code"] == "clip_not_found"
    for params, more, field in (
        ({"after": -1}, {}, "after"),
        ({}, {"Last-Event-ID": "last"}, "Last-Event-ID"),
    ):
        answer = api.client.get(path(clip), headers=ada | more, params=params)
        assert error_of(answer, 422)["field"] == field
