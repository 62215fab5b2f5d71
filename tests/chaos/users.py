"""Users of the system over HTTP during the run, who record what they were answered."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import soundfile

from tests.chaos.plan import Submission, Then
from tests.serve_app.recordings import speech

PATIENCE_SECONDS = 300.0
"""How long a request that may be repeated is repeated. A restart of the whole stack is shorter."""
NOT_OURS = "(not of the service)"
_PAUSE_SECONDS = 0.5
_CALL_SECONDS = 30.0
_PATHS = {
    "styletts2": "/api/speech",
    "seedvc": "/api/conversions",
    "make-an-audio": "/api/sound-effects",
}


@dataclass(slots=True)
class UserHistory:
    """One submission and its answers, as its user knows them."""

    submission: Submission
    clip_ids: list[str] = field(default_factory=list)
    """As answered, once for each time the request was sent with success. What follows is about the
    first."""
    last_state: str = "pending"
    """The state in the last answer."""
    removed: bool = False
    """Whether its removal was requested: it is removed or cancelled."""
    heard: str | None = None
    """SHA-256 of the streamed audio, where the stream was complete."""
    complaints: list[str] = field(default_factory=list)
    """Answers that must not occur."""


def email_of(number: int) -> str:
    return f"user-{number}@example.com"


class User:
    def __init__(self, http: httpx.AsyncClient, number: int) -> None:
        self._http = http
        self.email = email_of(number)
        self._headers: dict[str, str] = {}
        self._upload = ""

    async def join(self) -> None:
        """An account, and a recording to convert."""
        account = {"email": self.email, "password": "correct horse"}
        answer = await self._http.post("/api/sign-up", json=account)
        answer.raise_for_status()
        self._headers = {"Authorization": f"Bearer {answer.json()['token']}"}
        data = _one_second()
        body = {"content_type": "audio/wav", "bytes": len(data)}
        answer = await self._http.post("/api/uploads", json=body, headers=self._headers)
        answer.raise_for_status()
        upload = answer.json()
        sent = await self._http.put(upload["url"], content=data, headers=upload["headers"])
        sent.raise_for_status()
        self._upload = upload["id"]

    async def live(self, history: UserHistory, answers: Counter[str]) -> None:
        """One submission from its request to its end."""
        submission = history.submission
        for _ in range(1 + submission.repeats):
            if (clip := await self._submit(submission, history, answers)) is not None:
                history.clip_ids.append(clip["id"])
        if not history.clip_ids:
            return
        path = f"/api/clips/{history.clip_ids[0]}"
        await asyncio.sleep(submission.after)
        match submission.then:
            case Then.CANCEL:
                await self._remove(path, history, answers)
            case Then.DELETE:
                await self._wait(path, history, answers)
                if history.last_state != "pending":
                    await self._remove(path, history, answers)
            case Then.LISTEN:
                await self._listen(path, history, answers)
            case Then.KEEP:
                pass

    async def _submit(
        self, submission: Submission, history: UserHistory, answers: Counter[str]
    ) -> dict[str, Any] | None:
        """The clip, or None where no answer came and the request may not be repeated."""
        body, headers = dict(submission.body), dict(self._headers)
        if submission.service == "seedvc":
            body["upload"] = self._upload
        if submission.key is not None:
            headers["Idempotency-Key"] = submission.key
        request = self._http.build_request(
            "POST", _PATHS[submission.service], json=body, headers=headers
        )
        answer = await self._sent(request, answers, again=submission.key is not None)
        if answer is None:
            return None
        if answer.status_code != 202:
            history.complaints.append(f"{answer.status_code} to a submission: {answer.text}")
            return None
        clip: dict[str, Any] = answer.json()
        return clip

    async def _remove(self, path: str, history: UserHistory, answers: Counter[str]) -> None:
        request = self._http.build_request("DELETE", path, headers=self._headers)
        history.removed = True
        answer = await self._sent(request, answers, again=True)
        # 404: an earlier sending had its effect, and only its answer was lost.
        if answer is not None and answer.status_code not in (204, 404):
            history.complaints.append(f"{answer.status_code} to a deletion: {answer.text}")

    async def _wait(self, path: str, history: UserHistory, answers: Counter[str]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            request = self._http.build_request(
                "GET", path, params={"wait": 10}, headers=self._headers
            )
            answer = await self._sent(request, answers, again=True)
            if answer is None or answer.status_code != 200:
                return
            history.last_state = answer.json()["state"]
            if history.last_state != "pending":
                return

    async def _listen(self, path: str, history: UserHistory, answers: Counter[str]) -> None:
        """Listens once. A stream that breaks off is ignored."""
        digest = hashlib.sha256()
        try:
            async with self._http.stream(
                "GET", f"{path}/audio", params={"stream": True}, headers=self._headers
            ) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    answers[f"{answer.status_code} {_code(answer)}".strip()] += 1
                    return
                async for block in answer.aiter_bytes():
                    digest.update(block)
        except httpx.HTTPError:
            answers["listening broken off"] += 1
            return
        history.heard = digest.hexdigest()

    async def _sent(
        self, request: httpx.Request, answers: Counter[str], again: bool
    ) -> httpx.Response | None:
        """The answer that says what became of a request. None for a 5xx, a 429, one that was lost,
        or one of Serve itself, which answers 404 while the application is not there."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = await self._http.send(request)
            except httpx.HTTPError as error:
                answers[type(error).__name__] += 1
            else:
                code = _code(answer)
                answers[f"{answer.status_code} {code}".strip()] += 1
                if answer.status_code < 500 and answer.status_code != 429 and code != NOT_OURS:
                    return answer
            if not again or time.monotonic() > deadline:
                return None
            await asyncio.sleep(_PAUSE_SECONDS)


@asynccontextmanager
async def crowd(url: str, count: int) -> AsyncIterator[list[User]]:
    """Users who have joined."""
    # A connection for every request: a pool fills up with those that broke while they were made.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=url, timeout=_CALL_SECONDS, limits=limits) as http:
        users = [User(http, number) for number in range(count)]
        for user in users:
            await user.join()
        yield users


def _code(answer: httpx.Response) -> str:
    """The code of an error of the service; none for what is no error."""
    if answer.status_code < 400:
        return ""
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return NOT_OURS


def _one_second() -> bytes:
    """Of speech, to be converted."""
    samples, rate = soundfile.read(io.BytesIO(speech()), dtype="float32")
    sink = io.BytesIO()
    soundfile.write(sink, samples[:rate], rate, format="WAV")
    return sink.getvalue()
