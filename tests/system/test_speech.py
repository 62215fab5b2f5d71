from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from websockets.sync.client import connect

from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest, Word
from serve_app.cli.client import Client, RequestFailed
from tests.system.conftest import System
from tests.system.replicas import kill_replica, replicas
from tests.waiting import until

LONG = " ".join(f"This is sentence number {n} of a text that takes a while." for n in range(12))

WAV_HEADER_BYTES = 44


SERIES = (
    r'ray_bernie_clips_total\{.*outcome="succeeded".*service="styletts2".*\} [1-9]',
    r'ray_bernie_stage_seconds_count\{.*stage="vocoder"',
    r'ray_bernie_batch_fill_count\{.*stage="diffusion"',
    r'ray_bernie_queue_depth\{.*service="styletts2"',
    r"ray_bernie_queue_age_seconds\{",
    r"ray_bernie_real_time_factor_count\{",
    r"ray_bernie_audio_seconds_total\{",
)


def quiet(_: dict[str, Any]) -> None:
    """No progress is shown."""


def finish(client: Client, clip: dict[str, Any], seconds: float = 120) -> dict[str, Any]:
    return client.wait(clip["id"], seconds, quiet)


def fetch(clip: dict[str, Any]) -> tuple[np.ndarray, int]:
    answer = httpx.get(clip["audio"]["url"])
    assert answer.status_code == 200
    assert len(answer.content) == clip["audio"]["bytes"]
    samples, rate = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    return samples, rate


def test_speech_equals_the_pipeline_without_ray(
    system: System, sign_up: Callable[[], Client]
) -> None:
    client = sign_up()
    text = "The first sentence is short. " + "The second one is there to make a second chunk. " * 3
    clip = client.speak(text, "af_heart:0.7+am_michael:0.3", seed=7)
    assert clip["state"] == "pending"
    assert client.me()["held"] == 50
    done = finish(client, clip)
    samples, rate = fetch(done)
    assert rate == 24_000
    assert len(samples) == round(done["audio"]["seconds"] * rate)
    assert done["timings"]["segments"] >= 2
    assert {"frontend", "diffusion", "vocoder", "encode", "upload"} <= set(
        done["timings"]["stages"]
    )
    assert client.me()["credits"] == client.me()["available"] == 9_950

    request = SpeechRequest(text, "af_heart:0.7+am_michael:0.3", 1.0, 7)
    alone, words = without_ray(system, request)
    assert len(alone) == len(samples)
    error = samples - alone
    assert 10 * np.log10(np.mean(alone**2) / np.mean(error**2)) > 25
    timed = client._call("GET", f"/api/clips/{done['id']}/words")["words"]
    assert [(each["begin"], each["end"], each["said"]) for each in timed] == [
        (word.begin, word.end, word.said) for word in words
    ]
    starts = [word.start for word in words]
    assert [each["start"] for each in timed] == pytest.approx(starts, abs=0.03)


def test_speech_over_a_websocket(system: System) -> None:
    account = {"email": "socket@example.com", "password": "analytical engine"}
    token = httpx.post(f"{system.url}/api/sign-up", json=account).json()["token"]
    url = f"{system.url.replace('http', 'ws')}/v1/text-to-speech/af_heart/stream-input"
    with connect(f"{url}?output_format=pcm_24000", open_timeout=30) as socket:
        for message in ({"text": " ", "xi_api_key": token}, {"text": "Hello. "}, {"text": ""}):
            socket.send(json.dumps(message))
        messages = [json.loads(message) for message in socket]
    assert messages[-1]["isFinal"] is True
    audio = b"".join(base64.b64decode(each["audio"]) for each in messages if each["audio"])
    assert np.abs(np.frombuffer(audio, "<i2")).max() > 1_000
    assert "".join(messages[-2]["alignment"]["chars"]) == "Hello. "


def without_ray(system: System, request: SpeechRequest) -> tuple[np.ndarray, list[Word]]:
    """The same request through the stage objects, one segment at a time."""
    settings = system.settings.pipeline(system.settings.speech.vocoder)
    return BarePipeline("styletts2", "kokoro", settings).clip_and_words(request)


@pytest.mark.parametrize(
    ("audio_format", "rate"), [("mp3", 24_000), ("flac", 16_000), ("opus", 48_000)]
)
def test_speech_in_other_formats_and_rates(
    audio_format: str, rate: int, sign_up: Callable[[], Client]
) -> None:
    client = sign_up()
    done = finish(client, client.speak("Hello.", "woman", format=audio_format, sample_rate=rate))
    samples, found = fetch(done)
    assert found == rate
    assert len(samples) / rate == pytest.approx(done["audio"]["seconds"], abs=0.1)
    assert np.abs(samples).max() > 0.05


def test_speech_of_three_users_takes_turns(system: System, sign_up: Callable[[], Client]) -> None:
    users = [sign_up() for _ in range(3)]
    submitted = [(users[n // 4], users[n // 4].speak(f"Clip {n}.", "am_puck")) for n in range(10)]
    done = [finish(client, clip) for client, clip in submitted]
    assert all(clip["state"] == "succeeded" for clip in done)
    assert [user.me()["credits"] for user in users] == [9_800, 9_800, 9_900]
    order = sorted(range(10), key=lambda n: done[n]["started_at"])
    # The first user's clips came first; two may have started before the others' arrived.
    last_starts = [max(order.index(n) for n in mine) for mine in ((0, 1, 2, 3), (8, 9))]
    assert last_starts[1] < last_starts[0] + 3, f"served in the order {order}"
    assert order.index(8) < order.index(7), f"served in the order {order}"


def test_killed_worker_loses_nothing_and_charges_once(
    system: System, sign_up: Callable[[], Client]
) -> None:
    client = sign_up()
    clip = client.speak(LONG, "bf_emma")
    with client.listen(clip["id"]) as blocks:
        next(blocks)
        killed = kill_replica("worker")
        with pytest.raises(RequestFailed):
            list(blocks)
    done = finish(client, clip, 240)
    assert done["attempts"] == 2
    samples, rate = fetch(done)
    assert len(samples) / rate > 20
    assert client.me()["credits"] == 9_950

    def replaced() -> bool:
        return any(each.pid != killed for each in replicas("worker"))

    until(replaced, 30, "Serve has replaced the worker")
    assert not system.store.list_multipart(done["s3_key"])


def test_cancelled_clip_stops_and_costs_nothing(
    system: System, sign_up: Callable[[], Client], tmp_path: Path
) -> None:
    client = sign_up()
    clip = client.speak(LONG, "am_onyx")
    with client.listen(clip["id"]) as blocks:
        next(blocks)
        client.delete(clip["id"])
        with pytest.raises(RequestFailed):
            list(blocks)
    assert look(client, clip)["state"] == "cancelled"
    # The work stops at the next step; a short clip then has the machine to itself.
    done = finish(client, client.speak("Next, please.", "am_onyx"), 60)
    assert done["timings"]["total_seconds"] < 30
    assert not system.store.list_multipart("styletts2-output/")
    assert client.me()["credits"] == 9_950
    with pytest.raises(RequestFailed, match="cancelled"):
        finish(client, clip)


@pytest.mark.parametrize("audio_format", ["wav", "opus"])
def test_audio_is_streamed_while_the_clip_is_generated(
    system: System, sign_up: Callable[[], Client], audio_format: str
) -> None:
    client = sign_up()
    clip = client.speak(LONG[:250], "af_heart", format=audio_format)
    body = b""
    state_at_first_bytes = ""
    with client.listen(clip["id"]) as blocks:
        for block in blocks:
            state_at_first_bytes = state_at_first_bytes or look(client, clip)["state"]
            body += block
    done = finish(client, clip)
    assert state_at_first_bytes == "pending"
    stored = httpx.get(done["audio"]["url"]).content
    header = WAV_HEADER_BYTES if audio_format == "wav" else 0  # states the length where it is known
    assert len(body) > header
    assert body[header:] == stored[header:]


def test_events_are_streamed_while_the_clip_is_generated(sign_up: Callable[[], Client]) -> None:
    client = sign_up()
    clip = client.speak(LONG[:150], "af_heart")
    kinds = [kind for kind, _ in client.events(clip["id"])]
    assert kinds[0] == "queued"
    assert kinds[-1] == "finished"
    assert {"started", "progress", "audio"} <= set(kinds)
    assert [kind for kind, _ in client.events(clip["id"])] == ["queued", "started", "finished"]


def test_health_and_metrics(system: System, sign_up: Callable[[], Client]) -> None:
    client = sign_up()
    finish(client, client.speak("Counted.", "woman"))
    assert httpx.get(f"{system.url}/healthz").status_code == 200
    assert httpx.get(f"{system.url}/readyz").status_code == 200

    def counted() -> bool:
        text = httpx.get(f"{system.url}/metrics", timeout=20).text
        return all(re.search(series, text) for series in SERIES)

    until(counted, 40, "the metrics are exported")


def look(client: Client, clip: dict[str, Any]) -> dict[str, Any]:
    return client.clip(clip["id"])
