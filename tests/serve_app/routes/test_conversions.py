from __future__ import annotations

from typing import Any

import pytest

from serve_app.db.models import Clip
from serve_app.maintenance.sweeper import Sweeper
from serve_app.media.pipeline_requests import REFERENCE, SOURCE, recordings_of
from serve_app.settings import OFF, ServiceSettings
from serve_app.storage.store_errors import ObjectMissing
from tests.serve_app.api_harness import Api, Headers, error_of
from tests.serve_app.recordings import announce, send, speech, spoken, tone

UNKNOWN_ID = "0" * 32


def convert(api: Api, headers: Headers, status: int = 202, **body: Any) -> dict[str, Any]:
    answer = api.client.post(
        "/api/conversions", headers=headers, json={"voice": "af_heart", **body}
    )
    if status != 202:
        return error_of(answer, status)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def places_of(api: Api, clip: dict[str, Any]) -> dict[str, str]:
    with api.database.transaction() as session:
        row = session.get(Clip, clip["id"])
        assert row is not None
        return recordings_of(row)


def test_submit_conversion_takes_an_upload_by_id_and_key(api: Api) -> None:
    headers = api.sign_up()
    upload = send(api, headers, spoken(2.0))
    for name in (upload["id"], upload["key"]):
        clip = convert(api, headers, upload=name, steps=10, guidance=0.0)
        assert clip["service"] == "seedvc"
        assert (clip["text"], clip["voice"]) == (None, "af_heart")
        assert clip["original_voice_s3_key"] == upload["key"]
        assert clip["options"] == {
            "steps": 10,
            "guidance": 0.0,
            "length_adjust": 1.0,
            "match_pitch": False,
            "semitones": 0.0,
        }
        assert places_of(api, clip) == {SOURCE: upload["key"], REFERENCE: "shipped:af_heart"}
    assert api.client.get("/api/me", headers=headers).json()["held"] == 100


def test_submit_conversion_takes_ones_own_voice_by_name(api: Api) -> None:
    headers = api.sign_up()
    upload = send(api, headers, speech(), "audio/flac")
    body = {"name": "my voice", "upload": upload["id"]}
    assert api.client.post("/api/voices", headers=headers, json=body).status_code == 201
    clip = convert(api, headers, upload=upload["id"], voice="my voice")
    assert places_of(api, clip)[REFERENCE].startswith("voices/")
    stranger = api.sign_up("eve@example.com")
    theirs = send(api, stranger, spoken(1.0))
    error = convert(api, stranger, 422, upload=theirs["id"], voice="my voice")
    assert (error["code"], error["field"]) == ("unknown_voice", "voice")


def test_submit_conversion_repeated_gives_its_clip_without_the_upload(api: Api) -> None:
    headers = api.sign_up()
    upload = send(api, headers, spoken(1.0))
    keyed = headers | {"Idempotency-Key": "once"}
    clip = convert(api, keyed, upload=upload["id"])
    assert api.client.delete(f"/api/uploads/{upload['id']}", headers=headers).status_code == 204
    assert convert(api, keyed, upload=upload["id"]) == clip


def test_source_clip_in_use_outlives_its_deletion(api: Api) -> None:
    headers = api.sign_up()
    source = api.speak(headers)["id"]
    key = f"styletts2-output/{source}.wav"
    api.store.put(key, spoken(1.0), "audio/wav")
    with api.database.transaction() as session:
        row = session.get_one(Clip, source)
        row.s3_key, row.bytes, row.audio_seconds, row.started_at = key, 1, 1.0, api.now
    pending = convert(api, headers, clip=source)["id"]
    assert api.client.delete(f"/api/clips/{source}", headers=headers).status_code == 204
    assert api.client.get(f"/api/clips/{source}", headers=headers).status_code == 404
    Sweeper(api.database, api.store, api.settings).sweep()
    assert api.store.head(key), "the pending clip is made from it"
    assert api.client.delete(f"/api/clips/{pending}", headers=headers).status_code == 204
    Sweeper(api.database, api.store, api.settings).sweep()
    with pytest.raises(ObjectMissing):
        api.store.head(key)


def test_submit_conversion_of_foreign_and_unknown_sources_is_404(sqlite_api: Api) -> None:
    api, headers = sqlite_api, sqlite_api.sign_up()
    upload, clip = send(api, headers, spoken(1.0)), api.speak(headers)
    stranger = api.sign_up("eve@example.com")
    before = api.contents()
    for name in (upload["id"], upload["key"], UNKNOWN_ID):
        assert convert(api, stranger, 404, upload=name)["code"] == "upload_not_found"
    foreign = convert(api, stranger, 404, clip=clip["id"])
    assert foreign == convert(api, stranger, 404, clip=UNKNOWN_ID)
    assert api.contents() == before


def test_submit_conversion_refuses_unfit_recordings_before_holding_credits(sqlite_api: Api) -> None:
    api, headers = sqlite_api, sqlite_api.sign_up()
    uploads = {
        "no_speech": send(api, headers, tone(1.5)),
        "audio_too_short": send(api, headers, tone(0.1)),
        "audio_too_long": send(api, headers, tone(300.5)),
        "not_audio": send(api, headers, b"not a sound at all, only a sentence"),
        "recording_missing": announce(api, headers, 100, "audio/wav"),
    }
    before = api.contents()
    for code, upload in uploads.items():
        error = convert(api, headers, 422, upload=upload["id"])
        assert (error["code"], error["field"]) == (code, "upload")
    assert api.contents() == before


BAD_REQUESTS: list[tuple[dict[str, Any], str, str]] = [
    ({"upload": None}, "upload", "either an upload or a clip"),
    ({"clip": UNKNOWN_ID}, "upload", "either an upload or a clip"),
    ({"voice": "nobody"}, "voice", "POST /api/voices"),
    ({"voice": "af_heart:0.5+am_puck:0.5"}, "voice", "not a blend"),
    ({"steps": 0}, "steps", "between 1 and 200"),
    ({"guidance": 10.5}, "guidance", "between 0 and 10"),
    ({"length_adjust": 0.2}, "length_adjust", "between 0.25 and 4"),
    ({"semitones": 49.0}, "semitones", "between -48 and 48"),
    ({"semitones": 2.0}, "semitones", "does not control the pitch"),
    ({"match_pitch": True}, "match_pitch", "does not control the pitch"),
    ({"match_pitch": 1}, "match_pitch", "not valid"),
    ({"format": "opus", "sample_rate": 22_050}, "sample_rate", "48000"),
]


@pytest.mark.parametrize(("change", "field", "told"), BAD_REQUESTS)
def test_submit_conversion_names_the_invalid_field_and_stores_nothing(
    sqlite_api: Api, change: dict[str, Any], field: str, told: str
) -> None:
    headers = sqlite_api.sign_up()
    upload = send(sqlite_api, headers, spoken(1.0))
    before = sqlite_api.contents()
    error = convert(sqlite_api, headers, 422, **{"upload": upload["id"], **change})
    assert error["field"] == field
    assert told in error["message"]
    assert sqlite_api.contents() == before


def test_submit_conversion_refuses_length_adjust_beyond_the_longest(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    upload = send(sqlite_api, headers, spoken(80.0))
    before = sqlite_api.contents()
    error = convert(sqlite_api, headers, 422, upload=upload["id"], length_adjust=4.0)
    assert error["field"] == "length_adjust"
    assert "beyond 300 seconds" in error["message"]
    assert sqlite_api.contents() == before


def test_submit_conversion_refuses_a_pending_source_clip(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    error = convert(sqlite_api, headers, 422, clip=sqlite_api.speak(headers)["id"])
    assert error["field"] == "clip"
    assert "this is pending" in error["message"]


def test_submit_conversion_not_installed_is_503_before_the_upload_is_read(sqlite_api: Api) -> None:
    off = {"conversion": ServiceSettings(pipeline=OFF)}
    settings = sqlite_api.settings.model_copy(update=off)
    api = Api(settings, sqlite_api.database, sqlite_api.store)
    error = convert(api, api.sign_up(), 503, upload=UNKNOWN_ID)
    assert error["code"] == "service_not_installed"
    assert "`bernie fetch revoice`" in error["message"]


def test_submit_speech_with_styletts2_takes_a_recorded_voice(sqlite_api: Api) -> None:
    many = {"speech": ServiceSettings(pipeline="styletts2-libritts")}
    settings = sqlite_api.settings.model_copy(update=many)
    api = Api(settings, sqlite_api.database, sqlite_api.store)
    headers = api.sign_up()
    assert places_of(api, api.speak(headers, voice="woman")) == {REFERENCE: "shipped:af_heart"}
    body = {"text": "Hello.", "voice": "nobody"}
    error = error_of(api.client.post("/api/speech", headers=headers, json=body), 422)
    assert error["code"] == "unknown_voice"


@pytest.fixture
def small_api(sqlite_api: Api) -> Api:
    """With the converter that ships, whose voices are those that ship."""
    small = {"conversion": ServiceSettings(pipeline="revoice")}
    settings = sqlite_api.settings.model_copy(update=small)
    return Api(settings, sqlite_api.database, sqlite_api.store)


@pytest.mark.parametrize("voice", ["af_heart", "woman", "af_heart:0.7+am_michael:0.3"])
def test_submit_conversion_with_revoice_takes_shipped_voices_and_blends(
    small_api: Api, voice: str
) -> None:
    headers = small_api.sign_up()
    upload = send(small_api, headers, spoken(2.0))
    clip = convert(small_api, headers, upload=upload["id"], voice=voice, semitones=-2.0)
    assert clip["voice"] == voice
    assert places_of(small_api, clip) == {SOURCE: upload["key"]}


def test_submit_conversion_with_revoice_refuses_ones_own_voices(
    small_api: Api,
) -> None:
    headers = small_api.sign_up()
    upload = send(small_api, headers, speech(), "audio/flac")
    body = {"name": "my voice", "upload": upload["id"]}
    assert small_api.client.post("/api/voices", headers=headers, json=body).status_code == 201
    before = small_api.contents()
    error = convert(small_api, headers, 422, upload=upload["id"], voice="my voice")
    assert (error["code"], error["field"]) == ("voice_not_supported", "voice")
    assert "`bernie fetch seed-vc`" in error["message"]
    spoken = {"text": "Hello.", "voice": "my voice"}
    answer = small_api.client.post("/api/speech", headers=headers, json=spoken)
    assert error_of(answer, 422)["code"] == "voice_not_supported"
    for field, value in (("voice", "nobody"), ("semitones", 13), ("length_adjust", 2.5)):
        asked = {"upload": upload["id"], field: value}
        assert convert(small_api, headers, 422, **asked)["field"] == field
    assert small_api.contents() == before


def test_submit_conversion_with_an_unstorable_voice_name_is_422(api: Api) -> None:
    api, headers = api, api.sign_up()
    upload = send(api, headers, spoken(1.0))
    error = convert(api, headers, 422, upload=upload["id"], voice="my\0voice")
    assert (error["code"], error["field"]) == ("unknown_voice", "voice")
