from __future__ import annotations

from typing import Any

import pytest

from serve_app.db.models import Clip
from serve_app.media.pipeline_requests import recordings_of, request_of
from tests.serve_app.api_harness import Api, error_of

PROMPT = "Rain on a tin roof, thunder far away."


def test_submit_sound_effect_accepts_a_clip(api: Api) -> None:
    headers = api.sign_up()
    body = {"prompt": f" {PROMPT}\n", "duration": 2.5, "steps": 25, "guidance": 4, "seed": 7}
    answer = api.client.post("/api/sound-effects", headers=headers, json=body)
    assert answer.status_code == 202, answer.text
    clip = answer.json()
    assert clip["service"] == "make-an-audio"
    assert clip["text"] == PROMPT
    assert clip["voice"] is None
    options = {"model": "make-an-audio", "duration": 2.5, "steps": 25, "guidance": 4}
    assert clip["options"] == options
    assert clip["seed"] == 7
    assert api.client.get("/api/me", headers=headers).json()["held"] == 50
    with api.database.transaction() as session:
        row = session.get(Clip, clip["id"])
        assert row is not None
        assert not recordings_of(row)
        request = request_of(row, {})
    asked = (request.prompt, request.seconds, request.steps, request.guidance, request.seed)
    assert asked == (PROMPT, 2.5, 25, 4, 7)


def test_submit_sound_effect_with_a_key_of_another_service_is_409(api: Api) -> None:
    headers = api.sign_up() | {"Idempotency-Key": "order-17"}
    api.speak(headers)
    body = {"prompt": PROMPT}
    answer = api.client.post("/api/sound-effects", headers=headers, json=body)
    assert error_of(answer, 409)["code"] == "idempotency_conflict"


BAD_REQUESTS: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": ""}, "prompt", "1 to 500 characters"),
    ({"prompt": " \n"}, "prompt", "1 to 500 characters"),
    ({"prompt": "x" * 501}, "prompt", "1 to 500 characters; this has 501"),
    ({"prompt": "ding\u0007"}, "prompt", "control characters"),
    ({"prompt": None}, "prompt", "must be a string"),
    ({"duration": 0.49}, "duration", "between 0.5 and 30"),
    ({"duration": 30.1}, "duration", "between 0.5 and 30"),
    ({"steps": 0}, "steps", "between 1 and 500"),
    ({"steps": 501}, "steps", "between 1 and 500"),
    ({"steps": 2.5}, "steps", "must be"),
    ({"guidance": 0.9}, "guidance", "between 1 and 20"),
    ({"format": "aac"}, "format", "wav"),
    ({"format": "opus", "sample_rate": 22_050}, "sample_rate", "48000"),
    ({"voice": "af_heart"}, "voice", "not"),
]


@pytest.mark.parametrize(("change", "field", "told"), BAD_REQUESTS)
def test_submit_sound_effect_names_the_invalid_field_and_stores_nothing(
    sqlite_api: Api, change: dict[str, Any], field: str, told: str
) -> None:
    headers = sqlite_api.sign_up()
    before = sqlite_api.contents()
    body = {"prompt": PROMPT, **change}
    error = error_of(sqlite_api.client.post("/api/sound-effects", headers=headers, json=body), 422)
    assert error["field"] == field
    assert told in error["message"]
    assert sqlite_api.contents() == before
