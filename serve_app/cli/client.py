"""A small client of the HTTP API, for the commands of `bernie`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

T = TypeVar("T")

_CONTENT_TYPES = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".oga": "audio/ogg",
    ".m4a": "audio/mp4",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".aac": "audio/aac",
    ".webm": "audio/webm",
    ".mka": "audio/x-matroska",
    ".3gp": "audio/3gpp",
    ".amr": "audio/amr",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".caf": "audio/x-caf",
    ".au": "audio/basic",
    ".w64": "audio/x-w64",
}


class RequestFailed(Exception):
    """The server's error with its HTTP status, or the reason why there was no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """One user's connection to a running server. `token` is an API key or a session's token.

    Every method raises RequestFailed.
    """

    def __init__(self, base_url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._http = httpx.Client(base_url=base_url, headers=headers, timeout=60)
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise RequestFailed(f"The address or the API key cannot be used: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_up(self, email: str, password: str) -> None:
        """Makes an account and continues as its user."""
        body = {"email": email, "password": password}
        signed_in = self._call("POST", "/api/sign-up", json=body)
        self._http.headers["Authorization"] = f"Bearer {signed_in['token']}"

    def me(self) -> dict[str, Any]:
        return self._call("GET", "/api/me")

    def speak(self, text: str, voice: str, **options: Any) -> dict[str, Any]:
        """Submits a text; the clip comes back pending."""
        return self._call("POST", "/api/speech", json={"text": text, "voice": voice, **options})

    def convert(self, upload: str, voice: str, **options: Any) -> dict[str, Any]:
        """Submits an upload to be said by another voice; the clip comes back pending."""
        body = {"upload": upload, "voice": voice, **options}
        return self._call("POST", "/api/conversions", json=body)

    def sound_effect(self, prompt: str, **options: Any) -> dict[str, Any]:
        """Submits the description of a sound; the clip comes back pending."""
        return self._call("POST", "/api/sound-effects", json={"prompt": prompt, **options})

    @contextmanager
    def uploaded(self, file: Path) -> Iterator[str]:
        """Sends a recording and yields the id of its upload, which is deleted after the block."""
        upload_id = self.send(file)
        try:
            yield upload_id
        finally:
            self.remove_upload(upload_id)

    def remove_upload(self, upload_id: str) -> None:
        self._call("DELETE", f"/api/uploads/{upload_id}")

    def send(self, file: Path, kind: str | None = None) -> str:
        """Sends a file; the id of its upload."""
        kind = kind or _CONTENT_TYPES.get(file.suffix.lower(), "application/octet-stream")
        try:
            with file.open("rb") as recording:
                size = file.stat().st_size
                upload = self._call(
                    "POST", "/api/uploads", json={"content_type": kind, "bytes": size}
                )
                answer = httpx.request(
                    upload["method"],
                    upload["url"],
                    headers={**upload["headers"], "Content-Length": str(size)},
                    content=recording,
                    timeout=60,
                )
            answer.raise_for_status()
        except OSError as error:
            raise RequestFailed(f"{file} cannot be read: {error.strerror}") from error
        except httpx.HTTPError as error:
            raise RequestFailed(f"{file} could not be sent to the object store.") from error
        return str(upload["id"])

    def create_batch(self, upload: str, key: str, options: dict[str, Any]) -> dict[str, Any]:
        """Submits a manifest; with the same key it is the same batch."""
        named = {"Idempotency-Key": key}
        return self._call("POST", "/api/batches", headers=named, json={"upload": upload, **options})

    def batch(self, batch_id: str) -> dict[str, Any]:
        return self._call("GET", f"/api/batches/{batch_id}")

    def cancel_batch(self, batch_id: str) -> dict[str, Any]:
        return self._call("DELETE", f"/api/batches/{batch_id}")

    def batch_results(self, batch_id: str, after: int, limit: int) -> list[dict[str, Any]]:
        """What became of the next lines behind a number, as far as they have ended."""
        params = {"after": after, "limit": limit}
        with self._stream(f"/api/batches/{batch_id}/results", params) as response:
            try:
                return [json.loads(line) for line in _guarded(response.iter_lines())]
            except ValueError as error:
                raise self._foreign(response) from error

    def voices(self) -> list[dict[str, Any]]:
        voices: list[dict[str, Any]] = self._call("GET", "/api/voices")["items"]
        return voices

    def add_voice(self, name: str, upload: str) -> None:
        """Makes a voice of one's own from an upload."""
        self._call("POST", "/api/voices", json={"name": name, "upload": upload})

    def remove_voice(self, voice_id: str) -> None:
        self._call("DELETE", f"/api/voices/{voice_id}")

    def services(self) -> list[dict[str, Any]]:
        services: list[dict[str, Any]] = self._call("GET", "/api/services")["items"]
        return services

    def longest(self, service: str, field: str) -> int:
        """Characters that a field of the requests to a service may have."""
        options = next(each["options"] for each in self.services() if each["name"] == service)
        return int(options[field]["maxLength"])

    def clips(self, limit: int) -> list[dict[str, Any]]:
        """The newest clips."""
        return list(self._call("GET", "/api/clips", params={"limit": limit})["items"])

    def clip(self, clip_id: str) -> dict[str, Any]:
        return self._call("GET", f"/api/clips/{clip_id}")

    def delete(self, clip_id: str) -> None:
        """Cancels a pending clip; removes a finished one with its audio."""
        self._call("DELETE", f"/api/clips/{clip_id}")

    def wait(
        self, clip_id: str, seconds: float, progress: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Polls until the clip has ended. Raises RequestFailed where it failed or takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                clip = self._call("GET", f"/api/clips/{clip_id}", params={"wait": 5})
            except RequestFailed as error:
                message = f"{error} The clip {clip_id} goes on without you."
                raise RequestFailed(message, error.status) from error
            progress(clip)
            if clip["state"] == "succeeded":
                return clip
            if clip["state"] != "pending":
                reason = (clip["error"] or {}).get("message", "")
                raise RequestFailed(f"The clip {clip['state']}. {reason}".strip())
        raise RequestFailed(f"The clip {clip_id} is not ready after {seconds:.0f} s; it goes on.")

    @contextmanager
    def listen(self, clip_id: str) -> Iterator[Iterator[bytes]]:
        """The audio of a clip as it arrives. Reading raises RequestFailed where it breaks off."""
        with self._stream(f"/api/clips/{clip_id}/audio", {"stream": 1}) as response:
            yield _guarded(response.iter_raw())

    def events(self, clip_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Kind and data of the clip's events, to its end."""
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
        with ExitStack() as stack:
            with self._reaching():
                # A finished clip redirects to the object store, which gets no credentials of ours.
                opened = self._http.stream("GET", path, params=params, follow_redirects=True)
                response = stack.enter_context(opened)
                if response.is_error:
                    response.read()
            if response.is_error:
                self._body(response)
            yield response

    def audio(self, clip: dict[str, Any]) -> bytes:
        """The audio of a finished clip, through its presigned URL, which takes no credentials."""
        with _downloading(f"clip {clip['id']}"):
            return httpx.get(clip["audio"]["url"], timeout=60).raise_for_status().content

    def words(self, clip_id: str) -> list[dict[str, Any]]:
        """When the words of a clip of speech are said."""
        return list(self._call("GET", f"/api/clips/{clip_id}/words")["words"])

    def download(self, clip: dict[str, Any], file: Path) -> None:
        """Fetches the audio of a clip."""
        self.fetch(clip["audio"]["url"], file, f"clip {clip['id']}")

    def fetch(self, url: str, file: Path, what: str) -> None:
        """Fetches an object through its presigned URL, which takes no credentials."""
        try:
            with _downloading(what), httpx.stream("GET", url, timeout=60) as response:
                response.raise_for_status()
                with file.open("wb") as out:
                    for block in response.iter_bytes():
                        out.write(block)
        except OSError as error:
            message = f"{file} cannot be written: {error.strerror}. The {what} is kept."
            raise RequestFailed(message) from error

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        with self._reaching():
            response = self._http.request(method, path, **request)
        return self._body(response)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        server = self._http.base_url
        try:
            yield
        except httpx.ConnectError as error:
            raise RequestFailed(f"Nothing answers at {server}: is `bernie up` running?") from error
        except httpx.HTTPError as error:
            raise RequestFailed(f"{server} did not answer: {error}") from error

    def _body(self, response: httpx.Response) -> dict[str, Any]:
        """What was answered. Raises RequestFailed for an error, and what no Bernie server says."""
        try:
            body = response.json() if response.content else {}
            if response.is_error:
                raise RequestFailed(body["error"]["message"], response.status_code)
            return dict(body)
        except (ValueError, TypeError, KeyError) as error:
            raise self._foreign(response) from error

    def _foreign(self, response: httpx.Response) -> RequestFailed:
        server, status = self._http.base_url, response.status_code
        message = f"{server} did not answer as a Bernie server (HTTP {status})."
        return RequestFailed(message, status)


@contextmanager
def _downloading(what: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise RequestFailed(f"The audio of {what} could not be downloaded: {error}") from error


def _guarded(received: Iterator[T]) -> Iterator[T]:
    try:
        yield from received
    except httpx.HTTPError as error:
        raise RequestFailed(f"The connection broke off: {error}") from error
