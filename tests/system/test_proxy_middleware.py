"""From start to stop, every request that is not served gets a 503 with Retry-After."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from serve_app.cli.demo import free_port
from tests.system import processes
from tests.system.replicas import replicas
from tests.system.test_up import BernieUp
from tests.waiting import until

SENDERS = 6
LONG = "A sentence that is said a great many times over. " * 100


class HealthPoller:
    """Polls `/healthz` in a thread; `answers` has the answers in order."""

    def __init__(self, url: str) -> None:
        self.answers: list[httpx.Response] = []
        self._url = url
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            try:
                self.answers.append(httpx.get(f"{self._url}/healthz", timeout=10))
            except httpx.HTTPError:
                continue

    @property
    def statuses(self) -> set[int]:
        return {each.status_code for each in self.answers}

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()


def assert_retry_later(refusal: httpx.Response) -> None:
    assert refusal.status_code == 503
    assert refusal.json()["error"]["code"] in ("unavailable", "not_ready")
    assert int(refusal.headers["Retry-After"]) > 0


@pytest.mark.timeout(400)
def test_proxy_answers_503_with_retry_after_at_start_kill_and_stop(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "BERNIE_DATA_DIR": str(tmp_path / "data"),
        "BERNIE_SPEECH__PIPELINE": "noop",
        "BERNIE_CONVERSION__PIPELINE": "off",
        "BERNIE_SOUND_EFFECTS__PIPELINE": "off",
        "BERNIE_THROTTLE_STARTS": "1000",
    }
    up = BernieUp(environment, free_port())
    poller = HealthPoller(up.url)
    try:
        with poller.running():
            until(up.ready, 150, "the server is ready")
            early = poller.statuses
            repeat_until_made(up)
            assert processes.interrupt(up.process, number=signal.SIGTERM) == 0
    finally:
        processes.end(up.process)
    assert 503 in early, "somebody came too early"
    assert poller.statuses == {200, 503}
    for refusal in poller.answers:
        if refusal.status_code != 200:
            assert_retry_later(refusal)


def repeat_until_made(up: BernieUp) -> None:
    """Requests whose ingress is killed are repeated: one clip for each key, charged once."""
    with httpx.Client(base_url=up.url, timeout=60) as http:
        account = {"email": "ada@example.com", "password": secrets.token_urlsafe(12)}
        token = http.post("/api/sign-up", json=account).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        waited_for = submit(http, "waited-for", LONG)
        with ThreadPoolExecutor(SENDERS + 1) as threads:
            waiting = threads.submit(http.get, f"/api/clips/{waited_for}", params={"wait": 30})
            time.sleep(1)
            sending = [
                threads.submit(submit_twice, http, f"clip-{number}") for number in range(SENDERS)
            ]
            (ingress,) = replicas("ingress", below=up.process.pid)
            ingress.kill()
            made = {each.result() for each in sending}
        assert_retry_later(waiting.result())
        assert len(made) == SENDERS
        clips = http.get("/api/clips", params={"limit": 100}).json()["items"]
        assert {each["id"] for each in clips} == {waited_for, *made}
        until(lambda: not me(http)["held"], 60, "all clips are made")
        assert me(http)["credits"] == 10_000 - 50 * (SENDERS + 1)


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
