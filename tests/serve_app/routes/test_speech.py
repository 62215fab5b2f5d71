from __future__ import annotations

from typing import Any

import pytest

from tests.serve_app.api_harness import SENTENCE, Api, error_of

REQUEST = {"text": SENTENCE, "voice": "af_heart"}


def test_submit_speech_accepts_a_clip(api: Api) -> None:
    headers = api.sign_up()
    answer = api.client.post("/api/speech", headers=headers, json=REQUEST)
    assert answer.status_code == 202
    assert api.app.state.bernie.foreground._last[0] > 0, "somebody waits now"
    clip = answer.json()
    assert answer.headers["Location"] == f"/api/clips/{clip['id']}"
    assert 0 <= clip.pop("seed") < 2**32
    assert clip == {
        "note": None,
        "sounds": None,
        "id": clip["id"],
        "service": "styletts2",
        "state": "pending",
        "text": SENTENCE,
        "voice": "af_heart",
        "format": "wav",
        "sample_rate": None,
        "original_voice_s3_key": None,
        "options": {"speed": 1.0},
        "credits": 50,
        "created_at": "2027-01-15T08:00:00Z",
        "start_at": "2027-01-15T08:00:00Z",
        "started_at": None,
        "finished_at": None,
        "attempts": 0,
        "s3_key": None,
        "audio": None,
        "error": None,
        "timings": None,
    }
    me = api.client.get("/api/me", headers=headers).json()
    assert (me["credits"], me["held"], me["available"]) == (10_000, 50, 9_950)


def test_submit_speech_keeps_every_option(api: Api) -> None:
    options = {"speed": 1.25, "format": "mp3", "sample_rate": 16_000, "seed": 2**32 - 1}
    voice = "af_heart:0.7+am_michael:0.3"
    clip = api.speak(api.sign_up(), text=f"\n{SENTENCE}\t ", voice=voice, **options)
    assert clip["text"] == SENTENCE
    assert clip["voice"] == voice
    assert clip["options"] == {"speed": options.pop("speed")}
    assert {name: clip[name] for name in options} == options


def test_submit_speech_throttles_the_fourth_clip_of_a_minute(api: Api) -> None:
    headers = api.sign_up()
    starts = [api.speak(headers)["start_at"] for _ in range(4)]
    assert starts == ["2027-01-15T08:00:00Z"] * 3 + ["2027-01-15T08:01:00Z"]


def test_submit_speech_with_a_repeated_key_gives_the_same_clip(api: Api) -> None:
    headers = api.sign_up() | {"Idempotency-Key": "order-17"}
    clip = api.speak(headers)
    before = api.contents()
    assert api.speak(headers) == clip
    other = api.client.post("/api/speech", headers=headers, json={**REQUEST, "speed": 1.1})
    assert error_of(other, 409)["code"] == "idempotency_conflict"
    assert api.contents() == before


@pytest.mark.parametrize("key", ["", "two words", "x" * 201, "caf\u00e9"])
def test_submit_speech_refuses_an_invalid_idempotency_key(api: Api, key: str) -> None:
    headers = api.sign_up()
    before = api.contents()
    sent = {**headers, "Idempotency-Key": key.encode()}
    error = error_of(api.client.post("/api/speech", headers=sent, json=REQUEST), 422)
    assert error["field"] == "Idempotency-Key"
    assert "1 to 200 visible ASCII characters" in error["message"]
    assert api.contents() == before


def test_submit_speech_without_credits_is_402(api: Api) -> None:
    headers = api.sign_up()
    affordable = api.settings.sign_up_credits // api.settings.clip_credits
    for _ in range(affordable):
        api.speak(headers)
    before = api.contents()
    refused = api.client.post("/api/speech", headers=headers, json=REQUEST)
    assert error_of(refused, 402)["code"] == "not_enough_credits"
    assert api.contents() == before


def test_submit_speech_accepts_the_longest_text(api: Api) -> None:
    text = "word " * (api.settings.max_text_characters // 5)
    assert api.speak(api.sign_up(), text=text + "  ")["text"] == text.strip()


@pytest.mark.parametrize("text", ["\ufdfa" * 5000, "<>" * 2500, "7" * 5000])
def test_submit_speech_refuses_text_too_long_when_spoken(sqlite_api: Api, text: str) -> None:
    headers = sqlite_api.sign_up()
    before = sqlite_api.contents()
    request = {**REQUEST, "text": text}
    error = error_of(sqlite_api.client.post("/api/speech", headers=headers, json=request), 422)
    assert (error["code"], error["field"]) == ("text_too_long", "text")
    assert "at most 20000 characters as it is spoken" in error["message"]
    assert sqlite_api.contents() == before


BAD_REQUESTS: list[tuple[dict[str, Any], str, str]] = [
    ({"text": ""}, "text", "1 to 5000 characters"),
    ({"text": " \n\t\u3000 "}, "text", "1 to 5000 characters"),
    ({"text": "x" * 5001}, "text", "1 to 5000 characters; this has 5001"),
    ({"text": "ding\u0007dong"}, "text", "character 5 is U+0007"),
    ({"text": "nul\u0000"}, "text", "control characters"),
    ({"text": "line\rline"}, "text", "control characters"),
    ({"text": "next\u0085line"}, "text", "U+0085"),
    ({"text": None}, "text", "must be a string"),
    ({"text": ["a"]}, "text", "must be a string"),
    ({"text": "\U0001f600 \U0001f680"}, "text", ""),
    ({"text": "... !"}, "text", ""),
    ({"voice": "nobody"}, "voice", "af_heart"),
    ({"voice": ""}, "voice", "1 to 200 characters"),
    ({"voice": "x" * 201}, "voice", "1 to 200 characters"),
    ({"voice": "af_heart\u0000"}, "voice", "af_heart"),
    ({"voice": "af_heart:0+am_michael:1"}, "voice", "above 0"),
    ({"voice": "+".join(["af_heart"] * 5)}, "voice", "at most 4"),
    ({"voice": 7}, "voice", "must be a string"),
    ({"speed": 0.24}, "speed", "between 0.25 and 4.0"),
    ({"speed": 4.01}, "speed", "between 0.25 and 4.0"),
    ({"speed": "1"}, "speed", "must be a number"),
    ({"speed": True}, "speed", "must be a number"),
    ({"format": "aiff"}, "format", "'wav', 'mp3', 'flac' or 'opus'"),
    ({"format": []}, "format", "'wav', 'mp3', 'flac' or 'opus'"),
    ({"sample_rate": 7_999}, "sample_rate", "between 8000 and 48000"),
    ({"sample_rate": 23_456}, "sample_rate", "22050"),
    ({"sample_rate": 44_100, "format": "opus"}, "sample_rate", "48000"),
    ({"sample_rate": 24_000.5}, "sample_rate", "whole number"),
    ({"seed": -1}, "seed", "between 0 and 4294967295"),
    ({"seed": 10**400}, "seed", "between 0 and 4294967295"),
    ({"pitch": 1}, "pitch", "not a known field"),
    ({"user_id": "0" * 32}, "user_id", "not a known field"),
    ({"s3_key": "styletts2-output/x.wav"}, "s3_key", "not a known field"),
]


def test_submit_speech_names_the_invalid_field_and_stores_nothing(api: Api) -> None:
    headers = api.sign_up()
    before = api.contents()
    for wrong, field, says in BAD_REQUESTS:
        answer = api.client.post("/api/speech", headers=headers, json={**REQUEST, **wrong})
        error = error_of(answer, 422)
        assert error["field"] == field, wrong
        assert says in error["message"], wrong
    for missing in REQUEST:
        rest = {name: value for name, value in REQUEST.items() if name != missing}
        error = error_of(api.client.post("/api/speech", headers=headers, json=rest), 422)
        assert error == {
            "code": "invalid_input",
            "message": f"{missing} is missing.",
            "field": missing,
        }
    assert api.contents() == before
    assert api.client.get("/api/me", headers=headers).json()["held"] == 0
