"""OpenAI's Python client, as it is, against the server."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.protocol import InvalidInput
from serve_app.db.models import ClipState
from tests.clients.audio import decode, pitch, raw
from tests.clients.server import Server
from tests.lazily import Lazily
from tests.waiting import until

openai: Any = Lazily("openai")

TEXT = "The kettle is on, and the kitchen is warm."
CALL = {"model": "tts-1", "input": TEXT, "voice": "alloy"}
LONG = "The kettle is on, and the kitchen is warm. " * 6


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    key = server.account()
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "rate"),
    [("mp3", 24000), ("opus", 48000), ("aac", 24000), ("flac", 24000), ("wav", 24000)],
)
def test_speech_in_every_format(client: openai.OpenAI, kind: str, rate: int) -> None:
    answer = client.audio.speech.create(
        model="tts-1", input=TEXT, voice="alloy", response_format=kind
    )
    samples, found = decode(answer.content)
    assert found == rate
    assert len(samples) / rate == pytest.approx(2.3, abs=0.15)
    assert pitch(samples, rate) == pytest.approx(220, abs=3)


def test_speech_mp3_is_the_default(client: openai.OpenAI, tmp_path: Path) -> None:
    answer = client.audio.speech.create(model="tts-1", input=TEXT, voice="alloy")
    answer.write_to_file(tmp_path / "speech.mp3")
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert decode((tmp_path / "speech.mp3").read_bytes())[1] == 24_000


def test_speech_pcm_has_24_kilohertz(client: openai.OpenAI) -> None:
    answer = client.audio.speech.create(
        model="kokoro", input=TEXT, voice="af_heart", response_format="pcm"
    )
    assert pitch(raw(answer.content, 24_000), 24_000) == pytest.approx(220, abs=3)


def test_speech_voice_may_be_an_object(client: openai.OpenAI, server: Server) -> None:
    client.audio.speech.create(model="tts-1", input=TEXT, voice={"id": "bf_emma"})
    assert server.newest().voice == "bf_emma"


def test_speech_aliases_mean_shipped_voices(client: openai.OpenAI, server: Server) -> None:
    client.audio.speech.create(model="gpt-4o-mini-tts", input=TEXT, voice="onyx")
    assert server.newest().voice == "am_onyx"


def test_speech_names_what_it_ignores(client: openai.OpenAI, server: Server) -> None:
    answer = client.audio.speech.create(
        model="tts-1", input=TEXT, voice="alloy", instructions="Whisper.", speed=4.0
    )
    ignored = answer.response.headers["x-bernie-ignored"]
    assert ignored == "instructions"
    assert server.newest().options["speed"] == 4.0


@pytest.mark.parametrize("kind", ["mp3", "pcm", "wav", "flac", "aac"])
def test_speech_streams_before_the_clip_is_made(
    client: openai.OpenAI, server: Server, kind: str
) -> None:
    server.stages["styletts2"].pause = 0.4
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", input=LONG, voice="alloy", response_format=kind
    ) as answer:
        chunks = answer.iter_bytes()
        first = next(chunks)
        assert server.newest().state is ClipState.PENDING
        rest = b"".join(chunks)
    assert len(first) >= 1024
    if kind != "pcm":
        assert len(decode(first + rest)[0]) / 24_000 > 6
    assert server.newest().state is ClipState.SUCCEEDED


def test_speech_events_carry_the_audio(client: openai.OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", input=TEXT, voice="alloy", response_format="pcm", stream_format="sse"
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert {each["type"] for each in events[:-1]} == {"speech.audio.delta"}
    audio = b"".join(base64.b64decode(each["audio"]) for each in events[:-1])
    assert pitch(raw(audio, 24_000), 24_000) == pytest.approx(220, abs=3)
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["input_tokens"] == len(TEXT)


def test_speech_async(server: Server) -> None:
    async def speak() -> bytes:
        async with openai.AsyncOpenAI(
            base_url=f"{server.url}/v1", api_key=server.account()
        ) as client:
            answer = await client.audio.speech.create(model="tts-1", input=TEXT, voice="alloy")
            return await answer.aread()

    assert decode(asyncio.run(speak()))[1] == 24_000


def test_errors_are_the_clients_own(client: openai.OpenAI, server: Server) -> None:
    def refused(kind: type[openai.APIStatusError], **changes: object) -> openai.APIStatusError:
        with pytest.raises(kind) as caught:
            client.audio.speech.create(
                **{"model": "tts-1", "input": TEXT, "voice": "alloy", **changes}
            )
        assert caught.value.body is not None
        return caught.value

    assert refused(openai.NotFoundError, voice="nobody").code == "voice_not_found"
    assert refused(openai.BadRequestError, model="whisper-1").code == "model_not_found"
    assert refused(openai.BadRequestError, input="").param == "input"
    assert refused(openai.BadRequestError, speed=9).param == "speed"
    assert refused(openai.BadRequestError, response_format="ogg").param == "response_format"
    client.api_key = "bk_wrong"
    assert refused(openai.AuthenticationError).code == "invalid_api_key"
    client.api_key = server.account(credits=0)
    assert refused(openai.RateLimitError).code == "insufficient_quota"


def test_a_lack_of_credits_is_not_tried_again(server: Server) -> None:
    key, began = server.account(credits=0), time.monotonic()
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=5) as poor,
        pytest.raises(openai.RateLimitError) as caught,
    ):
        poor.audio.speech.create(model="tts-1", input=TEXT, voice="alloy")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert time.monotonic() - began < 30


def test_a_failed_clip_is_an_error_and_costs_nothing(client: openai.OpenAI, server: Server) -> None:
    server.stages["styletts2"].error = InvalidInput("text", "This cannot be said.")
    with pytest.raises(openai.InternalServerError) as caught:
        client.audio.speech.create(model="tts-1", input=TEXT, voice="alloy")
    assert caught.value.code == "generation_failed"
    server.stages["styletts2"].error = None
    assert client.audio.speech.create(model="tts-1", input=TEXT, voice="alloy").content


def test_a_repeated_call_joins_the_clip_that_is_made(client: openai.OpenAI, server: Server) -> None:
    server.stages["styletts2"].hold.clear()
    body = {"model": "tts-1", "input": TEXT, "voice": "alloy"}
    headers = {"Authorization": f"Bearer {client.api_key}"}
    before = len(server.clips())

    async def both() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=30) as http:
            calls = [
                asyncio.create_task(
                    http.post(f"{server.url}/v1/audio/speech", json=body, headers=headers)
                )
                for _ in range(2)
            ]
            await asyncio.sleep(0.5)
            server.stages["styletts2"].hold.set()
            return list(await asyncio.gather(*calls))

    answers = asyncio.run(both())
    assert len(server.clips()) == before + 1
    assert answers[0].headers["request-id"] == answers[1].headers["request-id"]
    assert [answer.status_code for answer in answers] == [200, 200]
    # What was sent to the end is not joined: the next call makes another clip.
    client.audio.speech.create(model="tts-1", input=TEXT, voice="alloy")
    assert len(server.clips()) == before + 2
    # A call that says it is repeated gets what was made.
    client.audio.speech.create(
        model="tts-1", input=TEXT, voice="alloy", extra_headers={"x-stainless-retry-count": "1"}
    )
    assert len(server.clips()) == before + 2


def test_a_caller_who_goes_away_cancels_the_clip(client: openai.OpenAI, server: Server) -> None:
    server.stages["styletts2"].hold.clear()
    impatient = client.with_options(timeout=1.0)
    with pytest.raises(openai.APITimeoutError):
        impatient.audio.speech.create(model="tts-1", input="Who waits? " + TEXT, voice="alloy")
    until(lambda: server.newest().state is ClipState.CANCELLED, 10, "the clip is cancelled")
    assert server.newest().idempotency_key is None
    server.stages["styletts2"].hold.set()
    assert client.audio.speech.create(
        model="tts-1", input="Who waits? " + TEXT, voice="alloy"
    ).content


def test_a_caller_who_goes_away_leaves_the_clip_to_a_repetition(
    client: openai.OpenAI, server: Server
) -> None:
    server.stages["styletts2"].hold.clear()
    body = {"model": "tts-1", "input": "Say it again. " + TEXT, "voice": "alloy"}
    headers = {"Authorization": f"Bearer {client.api_key}"}
    before = len(server.clips())

    async def one_leaves() -> httpx.Response:
        async with httpx.AsyncClient(timeout=30) as http:
            first, second = (
                asyncio.create_task(
                    http.post(f"{server.url}/v1/audio/speech", json=body, headers=headers)
                )
                for _ in range(2)
            )
            await asyncio.sleep(0.5)
            first.cancel()
            await asyncio.sleep(0.5)
            server.stages["styletts2"].hold.set()
            return await second

    assert asyncio.run(one_leaves()).status_code == 200
    assert len(server.clips()) == before + 1


def test_a_listener_who_goes_away_cancels_the_clip(client: openai.OpenAI, server: Server) -> None:
    server.stages["styletts2"].pause = 1.0
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", input=LONG, voice="alloy", response_format="pcm"
    ) as answer:
        next(answer.iter_bytes())
    until(lambda: server.newest().state is ClipState.CANCELLED, 10, "the clip is cancelled")


def test_models_and_voices(client: openai.OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {"noop", "tts-1", "gpt-4o-mini-tts"} <= names
    assert client.models.retrieve("tts-1").id == "tts-1"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-2")
    headers = {"Authorization": f"Bearer {client.api_key}"}
    voices = httpx.get(f"{client.base_url}audio/voices", headers=headers).json()["voices"]
    assert {"af_heart", "alloy"} <= {voice["id"] for voice in voices}
    models = httpx.get(f"{client.base_url}audio/models", headers=headers).json()["models"]
    assert "tts-1" in {model["id"] for model in models}


def test_what_is_not_built_is_404_in_their_shape(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.transcriptions.create(model="whisper-1", file=b"RIFF")
    assert caught.value.code == "not_found"


def test_the_throttle_delays_a_call_and_says_so(server: Server) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.account(starts=1)) as client:
        held = [
            client.audio.speech.with_raw_response.create(
                model="tts-1", input=f"Number {number}. {TEXT}", voice="alloy"
            ).headers.get("x-bernie-throttled-seconds")
            for number in range(2)
        ]
    assert held[0] is None
    assert held[1] is not None
    assert 0 < float(held[1]) <= 4


def test_open_webui_sends_fields_of_its_operator(server: Server) -> None:
    answer = httpx.post(
        f"{server.url}/v1/audio/speech",
        headers={"Authorization": f"Bearer {server.account()}"},
        json={"model": "tts-1", "input": TEXT, "voice": "alloy", "lang_code": "a", "speed": 1.1},
        timeout=60,
    )
    assert answer.headers["x-bernie-ignored"] == "lang_code"
    assert len(decode(answer.content)[0]) > 0
