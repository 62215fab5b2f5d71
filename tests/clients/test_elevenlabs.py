"""ElevenLabs' Python client, as it is, against the server."""

from __future__ import annotations

import asyncio
import base64
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from elevenlabs import (
    AsyncElevenLabs,
    DialogueInput,
    ElevenLabs,
    PronunciationDictionaryVersionLocator,
    VoiceSettings,
)
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import UnprocessableEntityError

from pipelines.protocol import Pronunciation, SpeechRequest, Turn
from pipelines.requests.conversion import ConversionRequest
from pipelines.requests.sound import SoundRequest
from serve_app.db.models import ClipState
from serve_app.routes.elevenlabs.formats import FILES, STREAMS
from tests.clients.audio import decode, pitch, raw
from tests.clients.server import Server
from tests.serve_app.recordings import speech
from tests.waiting import until

TEXT = "The kettle is on, and the kitchen is warm."
LONG = "The kettle is on, and the kitchen is warm. " * 6
RACHEL = "21m00Tcm4TlvDq8ikWAM"


@pytest.fixture
def client(server: Server) -> Iterator[ElevenLabs]:
    with httpx.Client(timeout=60, follow_redirects=True) as http:
        yield ElevenLabs(base_url=server.url, api_key=server.account(), httpx_client=http)


def check_format(name: str, data: bytes, seconds: float) -> None:
    codec, rate = FILES[name]
    if codec in ("pcm", "ulaw", "alaw"):
        kind = {"pcm": "PCM_16", "ulaw": "ULAW", "alaw": "ALAW"}[codec]
        samples, found = raw(data, rate, kind), rate
    else:
        samples, found = decode(data)
    assert found == rate
    assert len(samples) / rate == pytest.approx(seconds, abs=0.15)
    assert pitch(samples, rate) == pytest.approx(220, abs=3)


@pytest.mark.parametrize("name", FILES)
def test_convert_in_every_format(client: ElevenLabs, name: str) -> None:
    audio = client.text_to_speech.convert(RACHEL, text=TEXT, output_format=name)
    check_format(name, b"".join(audio), 2.3)


@pytest.mark.parametrize("name", ["mp3_44100_128", "pcm_16000", "ulaw_8000", "opus_48000_64"])
def test_stream_before_the_clip_is_made(client: ElevenLabs, server: Server, name: str) -> None:
    assert name in STREAMS
    server.stages["styletts2"].pause = 0.5
    chunks = client.text_to_speech.stream(RACHEL, text=LONG, output_format=name)
    first = next(chunks)
    assert server.newest().state is ClipState.PENDING
    check_format(name, first + b"".join(chunks), 8.8)


def test_convert_says_what_it_cost_and_what_it_ignores(client: ElevenLabs, server: Server) -> None:
    with client.text_to_speech.with_raw_response.convert(
        RACHEL,
        text=TEXT,
        model_id="eleven_multilingual_v2",
        seed=7,
        previous_text="Before.",
        voice_settings=VoiceSettings(stability=0.3, speed=1.1),
    ) as answer:
        b"".join(answer.data)
        headers = answer.headers
    assert headers["character-cost"] == "50"
    assert headers["history-item-id"] == server.newest().id
    assert headers["x-bernie-ignored"] == "voice_settings.stability, previous_text"
    assert (server.newest().options["speed"], server.newest().options["seed"]) == (1.1, 7)


def test_convert_async(server: Server) -> None:
    async def speak() -> bytes:
        async with httpx.AsyncClient(timeout=60) as http:
            client = AsyncElevenLabs(
                base_url=server.url, api_key=server.account(), httpx_client=http
            )
            stream = client.text_to_speech.stream(RACHEL, text=TEXT)
            return b"".join([chunk async for chunk in stream])

    check_format("mp3_44100_128", asyncio.run(speak()), 2.3)


def test_convert_with_timestamps(client: ElevenLabs) -> None:
    made = client.text_to_speech.convert_with_timestamps(RACHEL, text=TEXT)
    check_format("mp3_44100_128", base64.b64decode(made.audio_base_64), 2.3)
    assert made.alignment is not None
    assert made.normalized_alignment is not None
    assert "".join(made.alignment.characters) == TEXT
    assert made.alignment.character_start_times_seconds[4] == pytest.approx(0.1)
    assert made.alignment.character_end_times_seconds[9] == pytest.approx(0.25)
    assert "".join(made.normalized_alignment.characters) == TEXT.replace(",", "").rstrip(".")


def test_stream_with_timestamps(client: ElevenLabs, server: Server) -> None:
    server.stages["styletts2"].pause = 0.5
    chunks = client.text_to_speech.stream_with_timestamps(
        RACHEL, text=LONG, output_format="pcm_16000"
    )
    first = next(chunks)
    assert server.newest().state is ClipState.PENDING
    rest = list(chunks)
    audio = b"".join(base64.b64decode(chunk.audio_base_64) for chunk in [first, *rest])
    check_format("pcm_16000", audio, 8.8)
    times = [chunk.alignment for chunk in [first, *rest] if chunk.alignment is not None]
    assert "".join(c for each in times for c in each.characters) == LONG.strip()
    item = client.history.get(server.newest().id)
    assert item.alignments is not None
    assert "".join(item.alignments.alignment.characters) == LONG.strip()


def test_sound_generation(client: ElevenLabs, server: Server) -> None:
    audio = client.text_to_sound_effects.convert(
        text="Rain on a tin roof", duration_seconds=2.0, prompt_influence=0.6, loop=True
    )
    check_format("mp3_44100_128", b"".join(audio), 1.05)
    asked = server.stages["make-an-audio"].requests[-1]
    assert isinstance(asked, SoundRequest)
    assert (asked.seconds, asked.guidance) == (2.0, 5.0)


@pytest.mark.parametrize("old", [False, True])
def test_voice_conversion(client: ElevenLabs, server: Server, old: bool) -> None:
    if old:  # what clients before 2.75 and the JavaScript client send
        answer = httpx.post(
            f"{server.url}/v1/speech-to-speech/{RACHEL}/stream",
            headers={"xi-api-key": client_key(client)},
            files={"audio": ("upload", speech(), "application/octet-stream")},
            data={"seed": "5", "voice_settings": '{"stability": 0.1}'},
            timeout=60,
        )
        assert answer.headers["x-bernie-ignored"] == "voice_settings"
        data = answer.content
    else:
        data = b"".join(client.speech_to_speech.convert(RACHEL, audio=speech(), seed=5))
    check_format("mp3_44100_128", data, 1.05)
    asked = server.stages["seedvc"].requests[-1]
    assert isinstance(asked, ConversionRequest)
    assert asked.seed == 5
    assert asked.source is not None
    assert asked.source.seconds == pytest.approx(3.5, abs=0.1)


def client_key(client: ElevenLabs) -> str:
    return str(client._client_wrapper.get_headers()["xi-api-key"])


def test_voices(client: ElevenLabs, server: Server) -> None:
    names = {voice.voice_id for voice in client.voices.get_all().voices}
    assert "af_heart" in names
    assert client.voices.get(RACHEL).name == "af_heart"
    assert client.voices.settings.get_default().speed == 1.0
    assert client.voices.settings.get("af_heart").stability == 0.5
    page = client.voices.search(page_size=2, category="premade")
    assert (len(page.voices), page.has_more) == (2, True)
    second = client.voices.search(page_size=2, next_page_token=page.next_page_token)
    assert page.voices[0].voice_id != second.voices[0].voice_id
    british = client.voices.search(gender="female", accent="en-gb", sort="name", page_size=100)
    names = [voice.name or "" for voice in british.voices]
    assert "bf_emma" in names
    assert names == sorted(names)
    assert all(name.startswith("bf_") for name in names)
    answer = client.voices.with_raw_response.search(collection_id="mine", sort="name")
    assert answer.headers["x-bernie-ignored"] == "collection_id"
    asked = client.voices.search(voice_ids=["bf_emma", "bm_george"])
    assert {voice.voice_id for voice in asked.voices} == {"bf_emma", "bm_george"}


def test_a_voice_of_ones_own(client: ElevenLabs) -> None:
    made = client.voices.ivc.create(name="Mine", files=[speech(), speech()])
    found = client.voices.get(made.voice_id)
    assert (found.name, found.category) == ("Mine", "cloned")
    assert found.samples is not None
    (sample,) = found.samples
    assert sample.duration_secs == pytest.approx(7, abs=0.3)
    audio = client.voices.samples.audio.get(made.voice_id, str(sample.sample_id))
    assert len(decode(b"".join(audio))[0]) > 0
    client.voices.update(made.voice_id, name="Yours")
    assert client.voices.get(made.voice_id).name == "Yours"
    b"".join(client.speech_to_speech.convert(made.voice_id, audio=speech()))
    assert client.voices.delete(made.voice_id).status == "ok"
    with pytest.raises(ApiError) as caught:
        client.voices.get(made.voice_id)
    assert caught.value.status_code == 404


def test_history(client: ElevenLabs) -> None:
    for text in ("One.", "Two.", "Three."):
        b"".join(client.text_to_speech.convert("af_heart", text=text))
    b"".join(client.text_to_sound_effects.convert(text="A dog barks", duration_seconds=1))
    page = client.history.list(page_size=2)
    assert [item.source for item in page.history] == ["SFX", "TTS"]
    assert page.has_more
    rest = client.history.list(start_after_history_item_id=page.last_history_item_id)
    assert [item.text for item in rest.history] == ["Two.", "One."]
    assert [item.text for item in client.history.list(search="thre").history] == ["Three."]
    item = client.history.get(rest.history[0].history_item_id)
    assert (item.text, item.voice_id) == ("Two.", "af_heart")
    check_format("mp3_44100_128", b"".join(client.history.get_audio(item.history_item_id)), 1.05)
    ids = [each.history_item_id for each in rest.history]
    one = b"".join(client.history.download(history_item_ids=ids[:1]))
    check_format("mp3_44100_128", one, 1.05)
    both = b"".join(client.history.download(history_item_ids=ids))
    assert len(zipfile.ZipFile(io.BytesIO(both)).namelist()) == 2
    assert client.history.delete(item.history_item_id).status == "ok"
    with pytest.raises(ApiError):
        client.history.get(item.history_item_id)


def test_account_models_and_usage(client: ElevenLabs, server: Server) -> None:
    b"".join(client.text_to_speech.convert("af_heart", text=TEXT))
    subscription = client.user.subscription.get()
    assert (subscription.character_count, subscription.character_limit) == (50, 10_000)
    assert client.user.get().subscription.status == "active"
    models = {model.model_id: model for model in client.models.list()}
    assert models["eleven_multilingual_v2"].can_do_text_to_speech
    assert models["eleven_english_sts_v2"].can_do_voice_conversion
    finished = int((server.newest().finished_at or 0) * 1000)
    usage = client.usage.get(start_unix=finished - 60_000, end_unix=finished + 60_000)
    assert sum(usage.usage["All"]) == 50


def test_errors_are_the_clients_own(client: ElevenLabs, server: Server) -> None:
    def refused(status: int, client: ElevenLabs = client, **changes: object) -> object:
        call = {"voice_id": RACHEL, "text": TEXT, **changes}
        with pytest.raises(ApiError) as caught:
            b"".join(client.text_to_speech.convert(**call))
        assert caught.value.status_code == status
        return caught.value.body["detail"]["status"]

    def other(key: str | None) -> ElevenLabs:
        http = client._client_wrapper.httpx_client.httpx_client
        return ElevenLabs(base_url=server.url, api_key=key, httpx_client=http)

    assert refused(404, voice_id="nobody") == "voice_not_found"
    assert refused(400, model_id="gpt-2") == "model_not_found"
    assert refused(401, other("bk_wrong")) == "invalid_api_key"
    assert refused(401, other("")) == "invalid_api_key"
    assert refused(401, other(server.account(credits=0))) == "quota_exceeded"
    for wrong in ({"text": ""}, {"output_format": "mp3_1_1"}, {"seed": -1}):
        with pytest.raises(UnprocessableEntityError) as caught:
            b"".join(client.text_to_speech.convert(**{"voice_id": RACHEL, "text": TEXT, **wrong}))
        assert caught.value.body["detail"][0]["msg"]
    with pytest.raises(UnprocessableEntityError):
        b"".join(client.text_to_speech.stream(RACHEL, text=TEXT, output_format="wav_24000"))


def test_what_is_not_built_is_501(client: ElevenLabs) -> None:
    no_retry = {"max_retries": 0}
    with pytest.raises(ApiError) as caught:
        client.speech_to_text.convert(model_id="scribe_v1", file=b"RIFF", request_options=no_retry)
    assert caught.value.status_code == 501
    assert caught.value.body["detail"]["status"] == "not_implemented"


def test_a_caller_who_goes_away_cancels_the_clip(client: ElevenLabs, server: Server) -> None:
    server.stages["styletts2"].hold.clear()
    with pytest.raises(httpx.ReadTimeout):
        list(
            client.text_to_speech.convert(
                RACHEL, text=TEXT, request_options={"timeout_in_seconds": 1}
            )
        )
    until(lambda: server.newest().state is ClipState.CANCELLED, 10, "the clip is cancelled")


def test_dialogue(client: ElevenLabs, server: Server) -> None:
    inputs = [
        DialogueInput(text="Who is there?", voice_id=RACHEL),
        DialogueInput(text="It is me, and the kettle.", voice_id="bm_george"),
    ]
    audio = client.text_to_dialogue.convert(inputs=inputs, output_format="pcm_16000", seed=3)
    check_format("pcm_16000", b"".join(audio), 1.05)
    asked = server.stages["styletts2"].requests[-1]
    assert isinstance(asked, SpeechRequest)
    assert asked.text == "Who is there?\nIt is me, and the kettle."
    assert asked.turns == (Turn("af_heart", 14), Turn("bm_george", 39))
    timed = client.text_to_dialogue.convert_with_timestamps(inputs=inputs)
    assert timed.alignment is not None
    assert "".join(timed.alignment.characters) == asked.text
    with pytest.raises(UnprocessableEntityError):
        b"".join(client.text_to_dialogue.convert(inputs=[]))
    unknown = [DialogueInput(text="Me.", voice_id="nobody")]
    with pytest.raises(ApiError) as caught:
        b"".join(client.text_to_dialogue.stream(inputs=unknown))
    assert caught.value.body["detail"]["status"] == "voice_not_found"


def alias_rule(words: str, alias: str) -> Any:
    return {"type": "alias", "string_to_replace": words, "alias": alias}


def test_pronunciation_dictionaries(client: ElevenLabs, server: Server) -> None:
    rules: list[Any] = [
        alias_rule("SQL", "sequel"),
        {
            "type": "phoneme",
            "string_to_replace": "tomato",
            "phoneme": "T AH0 M AA1 T OW2",
            "alphabet": "cmu-arpabet",
        },
    ]
    kept = client.pronunciation_dictionaries
    made = kept.create_from_rules(name="words", rules=rules, description="Ours")
    assert (made.name, made.version_rules_num) == ("words", 2)
    added = kept.rules.add(made.id, rules=[alias_rule("kettle", "pot")])
    assert added.version_rules_num == 3
    assert kept.rules.remove(made.id, rule_strings=["kettle"]).version_rules_num == 2
    found = kept.get(made.id)
    assert [rule.string_to_replace for rule in found.rules] == ["SQL", "tomato"]
    assert [each.id for each in kept.list().pronunciation_dictionaries] == [made.id]
    assert kept.update(made.id, name="more words").name == "more words"
    lexicon = b"".join(kept.download(made.id, found.latest_version_id))
    assert "<phoneme>təmˈɑtˌoʊ</phoneme>".encode() in lexicon
    copy = kept.create_from_file(name="copy", file=lexicon)
    assert copy.version_rules_num == 2
    locators = [PronunciationDictionaryVersionLocator(pronunciation_dictionary_id=copy.id)]
    b"".join(
        client.text_to_speech.convert(
            RACHEL, text="SQL is no MySQL.", pronunciation_dictionary_locators=locators
        )
    )
    asked = server.stages["styletts2"].requests[-1]
    assert isinstance(asked, SpeechRequest)
    assert asked.pronunciations == (Pronunciation("SQL", "sequel"),)
    assert server.newest().text == "SQL is no MySQL."
    with httpx.Client(timeout=60) as http:
        others = ElevenLabs(base_url=server.url, api_key=server.account(), httpx_client=http)
        for run in (
            lambda: others.pronunciation_dictionaries.get(made.id),
            lambda: b"".join(
                others.text_to_speech.convert(
                    RACHEL, text=TEXT, pronunciation_dictionary_locators=locators
                )
            ),
        ):
            with pytest.raises(ApiError) as caught:
                run()
            assert caught.value.body["detail"]["status"] == "pronunciation_dictionary_not_found"
    for wrong in (
        alias_rule("", "x"),
        alias_rule("x", ""),
        {"type": "phoneme", "string_to_replace": "x", "phoneme": "1", "alphabet": "ipa"},
    ):
        with pytest.raises(UnprocessableEntityError):
            kept.create_from_rules(name="wrong", rules=[wrong])
    with pytest.raises(UnprocessableEntityError):
        kept.create_from_file(name="wrong", file=b"<!DOCTYPE x><lexicon/>")


def test_settings_of_a_voice_are_kept(client: ElevenLabs, server: Server) -> None:
    answer = client.voices.settings.with_raw_response.update(
        RACHEL, request=VoiceSettings(speed=1.3, stability=0.2)
    )
    assert answer.headers["x-bernie-ignored"] == "stability"
    kept = client.voices.settings.get("af_heart")
    assert (kept.speed, kept.stability, kept.style) == (1.3, 0.2, 0.0)
    b"".join(client.text_to_speech.convert(RACHEL, text=TEXT))
    assert server.newest().options["speed"] == 1.3
    own = VoiceSettings(speed=0.9)
    b"".join(client.text_to_speech.convert(RACHEL, text=TEXT, voice_settings=own))
    assert server.newest().options["speed"] == 0.9
    with pytest.raises(ApiError):
        client.voices.settings.update("nobody", request=own)
    made = client.voices.ivc.create(name="Kept", files=[speech()], labels={"accent": "calm"})
    client.voices.update(made.voice_id, name="Kept", description="What a voice!")
    found = client.voices.get(made.voice_id)
    assert (found.description, found.labels) == ("What a voice!", {"accent": "calm"})


def test_home_assistant_asks_for_models_voices_and_speech(server: Server) -> None:
    headers = {"xi-api-key": server.account()}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as http:
        models = http.get("/v1/models").json()
        assert any(each["can_do_text_to_speech"] and each["languages"] for each in models)
        voices = http.get("/v1/voices").json()["voices"]
        answer = http.post(
            f"/v1/text-to-speech/{voices[0]['voice_id']}",
            params={"optimize_streaming_latency": 3, "output_format": "mp3_44100_128"},
            json={
                "text": TEXT,
                "model_id": models[0]["model_id"],
                "voice_settings": {"stability": 0.5, "similarity_boost": 0.75, "style": 0},
            },
        )
    assert answer.status_code == 200
    assert "optimize_streaming_latency" in answer.headers["x-bernie-ignored"]
    check_format("mp3_44100_128", answer.content, 2.3)
