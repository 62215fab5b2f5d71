"""A small client of the HTTP API: what `bernie say` and `bernie demo` speak through."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

T = TypeVar("T")


class ApiError(Exception):
    """The server's refusal, or the reason why it could not be reached."""


class Client:
    """One user's connection to a running server. `token` is an API key or a session's token."""

    def __init__(self, base_url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_up(self, email: str, password: str) -> None:
        """Makes an account and goes on as its user."""
        body = {"email": email, "password": password}
        signed_in = self._call("POST", "/api/sign-up", json=body)
        self._http.headers["Authorization"] = f"Bearer {signed_in['token']}"

    def me(self) -> dict[str, Any]:
        return self._call("GET", "/api/me")

    def speak(self, text: str, voice: str, **options: Any) -> dict[str, Any]:
        """Submits a text; the clip comes back pending."""
        return self._call("POST", "/api/speech", json={"text": text, "voice": voice, **options})

    def clip(self, clip_id: str) -> dict[str, Any]:
        return self._call("GET", f"/api/clips/{clip_id}")

    def delete(self, clip_id: str) -> None:
        """Cancels a pending clip; removes a finished one with its audio."""
        self._call("DELETE", f"/api/clips/{clip_id}")

    def wait(
        self, clip_id: str, seconds: float, progress: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Polls until the clip has ended. Raises ApiError where it failed or takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            clip = self._call("GET", f"/api/clips/{clip_id}", params={"wait": 5})
            progress(clip)
            if clip["state"] == "succeeded":
                return clip
            if clip["state"] != "pending":
                reason = (clip["error"] or {}).get("message", "")
                raise ApiError(f"The clip {clip['state']}. {reason}".strip())
        raise ApiError(f"The clip is not ready after {seconds:.0f} s.")

    @contextmanager
    def listen(self, clip_id: str) -> Iterator[Iterator[bytes]]:
        """The audio of a clip as it comes. Reading raises ApiError where it breaks off."""
        with self._stream(f"/api/clips/{clip_id}/audio", {"stream": 1}) as response:
            yield _guarded(response.iter_raw())

    def events(self, clip_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Kind and data of what happens to a clip, to its end."""
        with self._stream(f"/api/clips/{clip_id}/events", {}) as response:
            kind = ""
            for line in _guarded(response.iter_lines()):
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)

    @contextmanager
    def _stream(self, path: str, params: dict[str, Any]) -> Iterator[httpx.Response]:
        with self._http.stream("GET", path, params=params) as response:
            if response.is_error:
                error = json.loads(response.read()).get("error", {})
                raise ApiError(error.get("message", f"HTTP {response.status_code}"))
            yield response

    def download(self, clip: dict[str, Any], file: Path) -> None:
        """Fetches the audio through its presigned URL, which takes no credentials."""
        try:
            with httpx.stream("GET", clip["audio"]["url"], timeout=60) as response:
                response.raise_for_status()
                with file.open("wb") as out:
                    for block in response.iter_bytes():
                        out.write(block)
        except httpx.HTTPError as error:
            raise ApiError(f"The audio could not be downloaded: {error}") from error

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **request)
            body: dict[str, Any] = response.json() if response.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise ApiError(f"No answer from {self._http.base_url}: {error}") from error
        if response.is_error:
            raise ApiError(body.get("error", {}).get("message", f"HTTP {response.status_code}"))
        return body


def _guarded(received: Iterator[T]) -> Iterator[T]:
    try:
        yield from received
    except httpx.HTTPError as error:
        raise ApiError(f"The connection broke off: {error}") from error
