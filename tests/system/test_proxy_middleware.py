"""From start to stop, every request that is not served gets a 503 with Retry-After."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
import pytest

from tests.system.bernie_up import BernieUp
from tests.system.replicas import replicas
from tests.system.small import SmallSystem
from tests.waiting import until

SENDERS = 6


def assert_retry_later(refusal: httpx.Response) -> None:
    assert refusal.status_code == 503
    assert refusal.json()["error"]["code"] in ("unavailable", "not_ready")
    assert int(refusal.headers["Retry-After"]) > 0


@pytest.mark.timeout(600)
def test_proxy_answers_503_with_retry_after_at_start_and_kill(small_system: SmallSystem) -> None:
    """At its stop it does, too: see `test_stopping`."""
    up = small_system.up()
    assert 503 in {each.status_code for each in small_system.at_start}, "somebody came too early"
    poller = small_system.poller()
    with poller.running():
        repeat_until_made(up)
    for answer in [*small_system.at_start, *poller.answers]:
        if answer.status_code != 200:
            assert_retry_later(answer)


def repeat_until_made(up: BernieUp) -> None:
    """Requests whose ingress is killed are repeated: one clip for each key, charged once."""
    with up.new_user() as http:
        with ThreadPoolExecutor(SENDERS + 1) as threads:
            with suspended(replicas("worker", below=up.process.pid)):
                waited_for = submit(http, "waited-for")
                waiting = threads.submit(http.get, f"/api/clips/{waited_for}", params={"wait": 30})
                time.sleep(1)
                sending = [
                    threads.submit(submit_twice, http, f"clip-{number}")
                    for number in range(SENDERS)
                ]
                (ingress,) = replicas("ingress", below=up.process.pid)
                ingress.kill()
                ingress.wait()
            made = {each.result() for each in sending}
        assert waiting.result().json()["id"] == waited_for, "it was not asked again"
        assert len(made) == SENDERS
        clips = http.get("/api/clips", params={"limit": 100}).json()["items"]
        assert {each["id"] for each in clips} == {waited_for, *made}
        until(lambda: not me(http)["held"], 60, "all clips are made")
        assert me(http)["credits"] == 10_000 - 50 * (SENDERS + 1)


@contextmanager
def suspended(processes: list[psutil.Process]) -> Iterator[None]:
    """They stand still: no clip is made meanwhile."""
    assert processes
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            each.resume()


def submit_twice(http: httpx.Client, key: str) -> str:
    """As a client does that lost the first answer."""
    clip_id = submit(http, key)
    assert submit(http, key) == clip_id
    return clip_id


def submit(http: httpx.Client, key: str, text: str = "Hello there.") -> str:
    """Repeats the request until it is accepted; returns the clip's id."""
    body = {"text": text, "voice": "woman"}
    while True:
        answer = http.post("/api/speech", json=body, headers={"Idempotency-Key": key})
        if answer.status_code == 202:
            return str(answer.json()["id"])
        assert_retry_later(answer)
        time.sleep(0.2)


def me(http: httpx.Client) -> dict[str, int]:
    """The account."""
    account: dict[str, int] = http.get("/api/me").raise_for_status().json()
    return account
