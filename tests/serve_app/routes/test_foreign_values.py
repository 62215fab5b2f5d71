"""Values that clients of other services may send, and nothing can be made of."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from serve_app.http.schemas.submissions import SPEEDS
from serve_app.routes.elevenlabs.dialogue import DialogueBody
from serve_app.routes.elevenlabs.speech import SpeechBody, speed_in
from tests.serve_app.api_harness import Api, error_of


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (math.nan, None),
        (True, None),
        ("fast", None),
        pytest.param(10**400, SPEEDS[1], id="huge"),
        pytest.param(-(10**400), SPEEDS[0], id="tiny"),
        (math.inf, SPEEDS[1]),
        (1, 1.0),
    ],
)
def test_a_speed_that_cannot_be_had(asked: Any, meant: float | None) -> None:
    assert speed_in({"speed": asked}) == meant


@pytest.mark.parametrize("name", ["語", "é", "a" * 10_000, "a b"])
def test_only_names_that_a_header_can_hold_are_told(name: str) -> None:
    settings = {name: 1, "style": 0.5}
    speech = SpeechBody(text="Hello.", voice_settings=settings, **{name: 1, "new": 1})
    assert speech.ignored() == ["new", "voice_settings.style"]
    dialogue = DialogueBody(inputs=[], settings=settings)
    assert dialogue.ignored() == ["settings.style"]


def test_a_voice_is_named_in_unicode(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up() | {"content-type": "application/json"}
    for voice in ("\ud800", {"id": "\ud800"}):
        body = json.dumps({"model": "tts-1", "input": "Hello.", "voice": voice})
        answer = sqlite_api.client.post("/v1/audio/speech", content=body, headers=headers)
        assert error_of(answer, 400)["param"] == "voice"


def test_an_idempotency_key_has_a_length(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    for key in ("k" * 201, "with space"):
        answer = sqlite_api.client.post(
            "/v1/text-to-speech/af_heart",
            json={"text": "Hello."},
            headers=headers | {"idempotency-key": key},
        )
        assert error_of(answer, 422)["param"] == "Idempotency-Key"


def test_what_is_kept_about_a_voice_can_be_shown_again(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    for field, value in (
        ("labels", r'{"accent": "\ud800"}'),
        ("labels", r'{"\udfff": "British"}'),
        ("labels", "[" * 30_000),
        ("labels", '{"age": ' + "9" * 5_000 + "}"),
        ("description", "a\0b"),
    ):
        answer = sqlite_api.client.post(
            "/v1/voices/af_heart/edit",
            data={"name": "Ada", field: value},
            files={"unused": b""},
            headers=headers,
        )
        assert error_of(answer, 422)["param"] == field
