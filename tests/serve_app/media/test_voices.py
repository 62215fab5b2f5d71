"""Voices over the API: shipped ones, and the user's own."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from sqlalchemy import delete

from pipelines.audio.decoding import decode
from pipelines.reference_features import FeatureCache
from serve_app.db.models import Clip, Voice
from serve_app.media import clips, voices
from serve_app.media.pipeline_requests import REFERENCE
from serve_app.media.removals import Removals
from serve_app.storage.feature_cache import StoredFeatures
from serve_app.storage.store import ObjectStore
from serve_app.storage.store_errors import ObjectMissing
from tests.serve_app.actions import concurrently
from tests.serve_app.api_harness import Api, Headers, error_of
from tests.serve_app.recordings import announce, send, speech, tone


def make(api: Api, headers: Headers, name: str = "my voice") -> dict[str, Any]:
    """A voice of the golden recording."""
    upload = send(api, headers, speech())
    request = {"name": name, "upload": upload["id"]}
    answer = api.client.post("/api/voices", headers=headers, json=request)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def own(api: Api, headers: Headers) -> list[dict[str, Any]]:
    listed = api.client.get("/api/voices", headers=headers).json()["items"]
    return [voice for voice in listed if voice["kind"] == "own"]


def user_of(api: Api, headers: Headers) -> str:
    return str(api.client.get("/api/me", headers=headers).json()["id"])


def find(api: Api, headers: Headers, name: str) -> Voice | None:
    user_id = user_of(api, headers)
    with api.database.reading() as session:
        return voices.find_own(session, user_id, name)


def sweep(api: Api) -> None:
    voices.sweep(api.database, api.store, lambda _session: api.now, Removals())


def with_settings(api: Api, **changes: Any) -> Api:
    changed = Api(api.settings.model_copy(update=changes), api.database, api.store)
    changed.now = api.now
    return changed


def test_list_voices_has_the_shipped_ones(api: Api) -> None:
    listed = api.client.get("/api/voices", headers=api.sign_up()).json()["items"]
    assert len(listed) == 12
    assert listed[0] == {
        "name": "af_heart",
        "kind": "shipped",
        "id": None,
        "language": "en-us",
        "gender": "female",
        "aliases": ["woman"],
        "seconds": None,
        "created_at": None,
    }
    assert {alias for voice in listed for alias in voice["aliases"]} == {"woman", "andreas"}


def test_voice_outlives_its_upload(api: Api) -> None:
    headers = api.sign_up()
    upload = send(api, headers, speech())
    request = {"name": " José ", "upload": upload["key"]}
    answer = api.client.post("/api/voices", headers=headers, json=request)
    assert answer.status_code == 201
    voice = answer.json()
    assert voice == {
        "name": "José",
        "kind": "own",
        "id": voice["id"],
        "language": None,
        "gender": None,
        "aliases": [],
        "seconds": pytest.approx(3.475, abs=0.01),
        "created_at": "2027-01-15T08:00:00Z",
    }
    assert api.client.delete(f"/api/uploads/{upload['id']}", headers=headers).status_code == 204
    assert own(api, headers) == [voice]
    # However its letters are composed.
    found = find(api, headers, "Jose\u0301")
    assert found is not None
    assert found.s3_key == f"voices/{voice['id']}.flac"
    kept = decode(api.store.get(found.s3_key), "reference", 30, 1)
    sent = decode(speech(), "reference", 30, 1)
    assert kept.sample_rate == sent.sample_rate
    np.testing.assert_allclose(kept.samples, sent.samples, atol=1e-4)


def test_create_voice_stores_mono_flac_at_an_allowed_rate(sqlite_api: Api) -> None:
    wave, _ = soundfile.read(io.BytesIO(speech()))
    sink = io.BytesIO()
    soundfile.write(sink, np.stack([wave, wave], axis=1), 18_000, format="WAV", subtype="FLOAT")
    headers = sqlite_api.sign_up()
    upload = send(sqlite_api, headers, sink.getvalue(), "audio/wav")
    request = {"name": "slow", "upload": upload["id"]}
    answer = sqlite_api.client.post("/api/voices", headers=headers, json=request)
    assert answer.status_code == 201, answer.text
    stored = sqlite_api.store.get(f"voices/{answer.json()['id']}.flac")
    info = soundfile.info(io.BytesIO(stored))
    assert (info.format, info.channels, info.samplerate) == ("FLAC", 1, 48_000)
    assert info.duration == pytest.approx(len(wave) / 18_000, abs=0.01)


def spoken(seconds: float, gain: float = 1.0) -> bytes:
    """The golden speech over and over, overdriven where the gain is high."""
    wave, rate = soundfile.read(io.BytesIO(speech()))
    sink = io.BytesIO()
    samples = np.clip(gain * np.resize(wave, round(seconds * rate)), -1, 1)
    soundfile.write(sink, samples, rate, format="FLAC")
    return sink.getvalue()


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (spoken(0.99), "audio_too_short", "1 to 30 seconds"),
        (spoken(30.01), "audio_too_long", "1 to 30 seconds"),
        (tone(3.0), "no_speech", "one person speaking"),
        (spoken(3.0, gain=0.001), "audio_too_quiet", "nearer to the microphone"),
        (spoken(3.0, gain=50), "audio_clipped", "less gain"),
        (b"No recording.", "not_audio", "WAV, MP3, FLAC, Ogg"),
    ],
)
def test_create_voice_refuses_unfit_recordings(
    sqlite_api: Api, data: bytes, code: str, says: str
) -> None:
    headers = sqlite_api.sign_up()
    upload = send(sqlite_api, headers, data)
    before = sqlite_api.contents()
    request = {"name": "mine", "upload": upload["id"]}
    answer = sqlite_api.client.post("/api/voices", headers=headers, json=request)
    error = error_of(answer, 422)
    assert (error["field"], error["code"]) == ("upload", code)
    assert says in error["message"]
    assert sqlite_api.contents() == before


@pytest.mark.parametrize("seconds", [1.0, 30.0])
def test_create_voice_accepts_the_ends_of_the_range(sqlite_api: Api, seconds: float) -> None:
    headers = sqlite_api.sign_up()
    upload = send(sqlite_api, headers, spoken(seconds))
    request = {"name": "mine", "upload": upload["id"]}
    answer = sqlite_api.client.post("/api/voices", headers=headers, json=request)
    assert answer.json()["seconds"] == seconds


def test_create_voice_of_a_missing_upload_is_refused(api: Api) -> None:
    headers, stranger = api.sign_up(), api.sign_up("eve@example.com")
    foreign = send(api, stranger, speech())
    unsent = announce(api, headers, 10, "audio/wav")
    before = api.contents()
    for upload in (foreign["id"], foreign["key"], "0" * 32, "x", "../../etc/passwd"):
        request = {"name": "mine", "upload": upload}
        answer = api.client.post("/api/voices", headers=headers, json=request)
        assert error_of(answer, 404)["code"] == "upload_not_found"
    request = {"name": "mine", "upload": unsent["id"]}
    error = error_of(api.client.post("/api/voices", headers=headers, json=request), 422)
    assert (error["field"], error["code"]) == ("upload", "recording_missing")
    assert api.contents() == before


BAD_NAMES = [
    ("", "1 to 100 characters"),
    ("  \t ", "1 to 100 characters"),
    ("x" * 101, "1 to 100 characters"),
    ("a\u0000b", "control characters"),
    ("a\nb", "control characters"),
    ("a\u202eb", "control characters"),
    ("af_heart:0.5", "no `:`"),
    ("me+you", "no `+`"),
    ("af_heart", "for everyone"),
    (" AF_Heart", "for everyone"),
    ("woman", "for everyone"),
    ("andreas", "for everyone"),
]


def test_clean_name_refuses_unfit_names(api: Api) -> None:
    headers = api.sign_up()
    upload = send(api, headers, speech())
    before = api.contents()
    for name, says in BAD_NAMES:
        request = {"name": name, "upload": upload["id"]}
        error = error_of(api.client.post("/api/voices", headers=headers, json=request), 422)
        assert error["field"] == "name", name
        assert says in error["message"], name
    assert api.contents() == before


def test_create_voice_requires_a_unique_name(api: Api) -> None:
    ada, eve = api.sign_up(), api.sign_up("eve@example.com")
    first = make(api, ada)
    upload = send(api, ada, speech())
    before = api.contents()
    for name in ("my voice", " my voice "):
        request = {"name": name, "upload": upload["id"]}
        error = error_of(api.client.post("/api/voices", headers=ada, json=request), 409)
        assert (error["code"], error["field"]) == ("voice_exists", "name")
    assert api.contents() == before
    assert make(api, eve)["id"] != first["id"]
    assert api.client.delete(f"/api/voices/{first['id']}", headers=ada).status_code == 204
    make(api, ada)


def test_concurrent_create_voice_keeps_name_and_limit(api: Api) -> None:
    headers = api.sign_up()
    limited = with_settings(api, max_voices=2)
    make(limited, headers, "first")
    uploads = [send(api, headers, speech()) for _ in range(4)]
    before = api.contents()
    names = ["same", "same", "other", "another"]

    def post(number: int) -> int:
        request = {"name": names[number], "upload": uploads[number]["id"]}
        return limited.client.post("/api/voices", headers=headers, json=request).status_code

    assert sorted(concurrently(4, post)) == [201, 409, 409, 409]
    after = api.contents()
    assert {name: after[name] - before[name] for name in ("voices", "objects")} == {
        "voices": 1,
        "objects": 1,
    }


def test_create_refuses_too_many_voices(sqlite_api: Api) -> None:
    headers = sqlite_api.sign_up()
    limited = with_settings(sqlite_api, max_voices=1)
    voice = make(limited, headers)
    upload = send(sqlite_api, headers, speech())
    request = {"name": "second", "upload": upload["id"]}
    answer = limited.client.post("/api/voices", headers=headers, json=request)
    error = error_of(answer, 409)
    assert error["code"] == "too_many_voices"
    assert "may have 1 voices" in error["message"]
    assert limited.client.delete(f"/api/voices/{voice['id']}", headers=headers).status_code == 204
    assert limited.client.post("/api/voices", headers=headers, json=request).status_code == 201


def test_list_voices_shows_only_ones_own(api: Api) -> None:
    ada, eve = api.sign_up(), api.sign_up("eve@example.com")
    voice = make(api, ada)
    assert own(api, eve) == []
    assert find(api, eve, "my voice") is None
    for headers, voice_id in ((eve, voice["id"]), (ada, "0" * 32), (ada, "af_heart")):
        answer = api.client.delete(f"/api/voices/{voice_id}", headers=headers)
        assert error_of(answer, 404)["code"] == "voice_not_found"
    assert own(api, ada) == [voice]


def test_delete_voice_leaves_nothing(api: Api) -> None:
    headers = api.sign_up()
    send(api, headers, speech())
    before = api.contents()
    voice = make(api, headers)
    heard = decode(api.store.get(f"voices/{voice['id']}.flac"), "reference", 30)
    style = {"style": np.zeros(256, np.float32)}
    FeatureCache(StoredFeatures(api.store)).keep(heard.digest(), "model", style)
    address = f"/api/voices/{voice['id']}"
    assert api.client.delete(address, headers=headers).status_code == 204
    sweep(api)
    after = api.contents()
    assert after["voices"] == 0
    assert after["objects"] == before["objects"] + 1, "the upload it was made from"
    assert find(api, headers, "my voice") is None
    error_of(api.client.delete(address, headers=headers), 404)


def test_delete_of_a_vanished_voice_is_404(api: Api) -> None:
    headers = api.sign_up()
    address = f"/api/voices/{make(api, headers)['id']}"
    with ThreadPoolExecutor(1) as user:
        with api.database.transaction() as session:
            session.execute(delete(Voice))
            answer = user.submit(api.client.delete, address, headers=headers)
            assert not wait([answer], timeout=0.5).done
        assert error_of(answer.result(), 404)["code"] == "voice_not_found"


def pending(api: Api, headers: Headers, voice_id: str) -> Clip:
    """A pending clip with a voice."""
    options = {
        "format": "wav",
        "sample_rate": None,
        "seed": 1,
        REFERENCE: f"voices/{voice_id}.flac",
    }
    new = clips.NewClip("styletts2", "Hello.", "my voice", None, options, 50)
    user_id, rules = user_of(api, headers), api.settings
    with api.database.transaction() as session:
        return clips.submit(session, user_id, new, rules, api.now)[0]


def test_voice_in_use_outlives_its_deletion(api: Api) -> None:
    headers = api.sign_up()
    voice = make(api, headers)
    key = f"voices/{voice['id']}.flac"
    clip = pending(api, headers, voice["id"])
    assert api.client.delete(f"/api/voices/{voice['id']}", headers=headers).status_code == 204
    assert own(api, headers) == []
    sweep(api)
    assert api.store.head(key).bytes > 0
    with api.database.transaction() as session:
        clips.delete(session, clip.user_id, clip.id, api.settings, api.now)
    sweep(api)
    with pytest.raises(ObjectMissing):
        api.store.head(key)
    assert api.contents()["voices"] == 0


def test_sweep_finishes_an_interrupted_voice_deletion(api: Api) -> None:
    headers = api.sign_up()
    voice = make(api, headers)
    elsewhere = api.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    down = Api(elsewhere, api.database, ObjectStore(elsewhere))
    down.now = api.now
    assert down.client.delete(f"/api/voices/{voice['id']}", headers=headers).status_code == 204
    assert own(api, headers) == []
    assert api.contents()["voices"] == 1
    sweep(api)
    assert api.contents()["voices"] == 0
    with pytest.raises(ObjectMissing):
        api.store.head(f"voices/{voice['id']}.flac")


def test_sweep_removes_a_half_created_voice(api: Api) -> None:
    headers = api.sign_up()
    recording = decode(speech(), "upload", 30)

    class Interrupted(Exception):
        pass

    class FailingStore(ObjectStore):
        def put(self, key: str, data: bytes, content_type: str) -> None:
            super().put(key, data, content_type)
            raise Interrupted

    user_id, store = user_of(api, headers), FailingStore(api.settings)
    with pytest.raises(Interrupted):
        voices.create(api.database, store, user_id, "mine", recording, 10, api.now)
    assert own(api, headers) == []
    assert find(api, headers, "mine") is None
    sweep(api)
    assert api.contents()["voices"] == 1, "its maker may still be at it"
    before = api.contents()["objects"]
    api.now += voices.MAKING_SECONDS
    sweep(api)
    after = api.contents()
    assert (after["voices"], after["objects"]) == (0, before - 1)
    make(api, headers, "mine")


def rename(api: Api, headers: Headers, voice_id: str, name: str) -> Any:
    return api.client.patch(f"/api/voices/{voice_id}", headers=headers, json={"name": name})


def test_rename_voice(api: Api) -> None:
    headers = api.sign_up()
    voice, other = make(api, headers), make(api, headers, "another")
    answer = rename(api, headers, voice["id"], "  Ada ")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {**voice, "name": "Ada"}
    assert rename(api, headers, voice["id"], "Ada").status_code == 200
    assert [each["name"] for each in own(api, headers)] == ["another", "Ada"]
    taken = error_of(rename(api, headers, other["id"], "Ada"), 409)
    assert (taken["code"], taken["field"]) == ("voice_exists", "name")
    assert error_of(rename(api, headers, voice["id"], "woman"), 422)["field"] == "name"
    foreign = rename(api, api.sign_up("eve@example.com"), voice["id"], "mine")
    assert error_of(foreign, 404)["code"] == "voice_not_found"


def test_sample_of_a_shipped_voice_and_of_ones_own(sqlite_api: Api) -> None:
    api, headers = sqlite_api, sqlite_api.sign_up()
    for name in ("bf_emma", "woman"):
        answer = api.client.get(f"/api/voices/{name}/sample", headers=headers)
        assert answer.headers["Content-Type"] == "audio/flac"
        assert soundfile.info(io.BytesIO(answer.content)).duration > 1
    voice = make(api, headers)
    link = api.client.get(
        f"/api/voices/{voice['id']}/sample", headers=headers, follow_redirects=False
    )
    assert link.status_code == 307
    assert httpx.get(link.headers["Location"]).headers["Content-Type"] == "audio/flac"
    for name, who in ((voice["id"], api.sign_up("eve@example.com")), ("nobody", headers)):
        answer = api.client.get(f"/api/voices/{name}/sample", headers=who)
        assert error_of(answer, 404)["code"] == "voice_not_found"
