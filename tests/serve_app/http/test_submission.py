from __future__ import annotations

from typing import Any, cast

from serve_app.http.schemas.submissions import Speech
from serve_app.http.submission import Submission


class SpeechOfALaterRelease(Speech):
    """With a field more, which has a default."""

    emphasis: float = 1.0


def hash_of(body: Speech) -> str:
    nothing = cast(Any, None)
    return Submission(nothing, nothing, "styletts2", body, "key")._hash()


def test_hash_outlives_a_release_that_adds_a_field() -> None:
    sent = {"text": "Hello.", "voice": "af_heart"}
    assert hash_of(Speech(**sent)) == hash_of(SpeechOfALaterRelease(**sent))


def test_hash_tells_requests_apart() -> None:
    sent: dict[str, Any] = {"text": "Hello.", "voice": "af_heart"}
    assert hash_of(Speech(**sent)) != hash_of(Speech(**sent, speed=1.1))
    assert hash_of(Speech(**sent)) != hash_of(Speech(**{**sent, "text": "Hello!"}))
