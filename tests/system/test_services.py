"""All three services at once behind `bernie up`, with models of reduced widths, on PostgreSQL."""

from __future__ import annotations

import io
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import soundfile
import soxr

from pipelines.audio.decoding import decode
from pipelines.bare import BarePipeline
from pipelines.protocol import Request
from pipelines.requests.conversion import ConversionRequest
from pipelines.requests.sound import SoundRequest
from pipelines.requests.speech import StyledRequest
from pipelines.settings import CHECKPOINTS
from serve_app.cli.ports import free_port
from serve_app.settings import Settings
from tests.pipelines.tiny_models import install_libritts, install_sounds, install_speech
from tests.postgres import Postgres
from tests.system.bernie_up import BernieUp
from tests.system.replicas import kill_replica
from tests.waiting import until

SPEECH = (Path(__file__).parents[1] / "goldens/speech/am_michael.flac").read_bytes()
TEXT = "Good morning, everyone. The kettle is on."
PROMPT = "Rain on a tin roof, thunder far away."
STEPS = 4
MEMORY_LIMIT = 8e9
REPLICAS = ("seedvc-frontend", "make-an-audio-diffusion", "styletts2-vocoder")


class User:
    """Somebody with an account, an upload, and a voice made from it."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=90)
        account = {"email": f"{secrets.token_hex(6)}@example.com", "password": "correct horse"}
        token = self.post("/api/sign-up", **account)["token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.upload = self.send(SPEECH, "audio/flac")
        self.post("/api/voices", name="mine", upload=self.upload)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def send(self, data: bytes, content_type: str) -> str:
        upload = self.post("/api/uploads", content_type=content_type, bytes=len(data))
        put = httpx.put(upload["url"], content=data, headers=upload["headers"], timeout=60)
        assert put.status_code == 200, put.text
        return str(upload["id"])

    def submit(self, service: str, seed: int, steps: int = STEPS) -> dict[str, Any]:
        bodies: dict[str, dict[str, Any]] = {
            "styletts2": {"text": TEXT, "voice": "mine"},
            "seedvc": {"upload": self.upload, "voice": "af_heart", "steps": STEPS},
            "make-an-audio": {"prompt": PROMPT, "duration": 1.5, "steps": steps},
        }
        paths = {
            "styletts2": "/api/speech",
            "seedvc": "/api/conversions",
            "make-an-audio": "/api/sound-effects",
        }
        return self.post(paths[service], seed=seed, **bodies[service])

    def finish(self, clip: dict[str, Any], seconds: float = 120) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def ended() -> bool:
            answer = self.http.get(f"/api/clips/{clip['id']}", params={"wait": 10})
            found.update(answer.json())
            return bool(found["state"] != "pending")

        until(ended, seconds, f"the clip of {clip['service']} ends")
        assert found["state"] == "succeeded", found["error"]
        return found

    def credits(self) -> int:
        return int(self.http.get("/api/me").json()["credits"])


@dataclass(frozen=True)
class Stack:
    up: BernieUp
    settings: Settings


@pytest.fixture
def join(stack: Stack) -> Iterator[Callable[[], User]]:
    """Makes new users."""
    users: list[User] = []

    def make() -> User:
        users.append(User(stack.up.url))
        return users[-1]

    yield make
    for user in users:
        user.http.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("services")
    checkpoints = folder / "checkpoints"
    shutil.copytree(CHECKPOINTS / "kokoro", checkpoints / "kokoro")
    shutil.copy(CHECKPOINTS / "manifest.toml", checkpoints)
    install_libritts(checkpoints / "models/styletts2-libritts")
    install_speech(checkpoints / "models/seed-vc")
    install_sounds(checkpoints / "models/make-an-audio")
    asked = {
        "BERNIE_CHECKPOINTS": str(checkpoints),
        "BERNIE_DATA_DIR": str(folder / "data"),
        "BERNIE_SPEECH__PIPELINE": "styletts2-libritts",
        "BERNIE_DTYPE": "float32",
        "BERNIE_THROTTLE_STARTS": "1000",
        "BERNIE_LEASE_SECONDS": "5",
        "BERNIE_RETRY_BACKOFF_SECONDS": "0.2",
    }
    settings = Settings(
        checkpoints=checkpoints,
        dtype="float32",
        speech={"pipeline": "styletts2-libritts"},
        conversion={"pipeline": "seed-vc"},
        sound_effects={"pipeline": "make-an-audio"},
    )
    with Postgres() as postgres:
        postgres.create("bernie")
        asked["BERNIE_DATABASE_URL"] = postgres.url("bernie")
        with (folder / "log").open("wb") as log:
            up = BernieUp({**os.environ, **asked}, free_port(), log.fileno())
        with up:
            yield Stack(up, settings)
    assert (folder / "log").read_text().endswith("Stopping…\nStopped.\n")


def alone(service: str, settings: Settings) -> BarePipeline:
    stage = settings.service(service).vocoder
    return BarePipeline(service, settings.pipelines()[service], settings.pipeline(stage))


def requests(settings: Settings, seed: int) -> dict[str, Request]:
    """The requests that `User.submit` makes, as the pipelines take them."""
    own = decode(SPEECH, "source", 300)
    kept = (settings.checkpoints / "kokoro/recordings/af_heart.flac").read_bytes()
    shipped = decode(kept, "reference", 30)
    return {
        "styletts2": StyledRequest(TEXT, "mine", 1.0, seed, reference=own),
        "seedvc": ConversionRequest(own, shipped, steps=STEPS, seed=seed),
        "make-an-audio": SoundRequest(PROMPT, 1.5, STEPS, seed=seed),
    }


@pytest.mark.timeout(400)
def test_three_services_equal_their_pipelines(stack: Stack, join: Callable[[], User]) -> None:
    users = [join() for _ in range(3)]
    services = {each["name"]: each for each in users[0].http.get("/api/services").json()["items"]}
    assert all(each["installed"] for each in services.values())

    def use(number: int) -> list[dict[str, Any]]:
        user, names = users[number], list(services)
        clips = [user.submit(name, seed=number) for name in names[number:] + names[:number]]
        return [user.finish(clip) for clip in clips]

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(use, range(3)))
    assert [user.credits() for user in users] == [9_850] * 3
    bare = {name: alone(name, stack.settings) for name in services}
    for number, clips in enumerate(done):
        for clip in clips:
            made, rate = fetch(clip)
            assert rate == services[clip["service"]]["sample_rate"]
            request = requests(stack.settings, number)[clip["service"]]
            expected = bare[clip["service"]].clip(request)
            assert len(made) == len(expected)
            noise = np.mean((made - expected) ** 2)
            # 16-bit samples: a noise of 1/12 of a step squared, or what is next to silence.
            assert noise < 1e-3 * np.mean(expected**2) + 1e-9, clip["service"]
    assert memory(stack.up) < MEMORY_LIMIT


@pytest.mark.timeout(400)
@pytest.mark.parametrize("replica", REPLICAS)
def test_killed_replica_of_any_stage_loses_nothing(
    stack: Stack, join: Callable[[], User], replica: str
) -> None:
    user = join()
    service = replica.rpartition("-")[0]
    clips = [user.submit(service, seed) for seed in range(4)]
    until(lambda: any_started(user), 30, "a clip is started")
    kill_replica(replica, below=stack.up.process.pid)
    done = [user.finish(clip, 180) for clip in clips]
    assert user.credits() == 10_000 - 50 * len(clips)
    for clip in done:
        samples, rate = fetch(clip)
        assert len(samples) == round(clip["audio"]["seconds"] * rate)


@pytest.mark.timeout(200)
def test_recording_changed_after_submission_fails_the_clip_cleanly(
    join: Callable[[], User],
) -> None:
    """The URL can be used again: the worker reads the recording anew."""
    user = join()
    good = wave(0.5)
    upload = user.post("/api/uploads", content_type="audio/wav", bytes=len(good))
    for content in (good, bytes(len(good))):
        put = httpx.put(upload["url"], content=content, headers=upload["headers"])
        assert put.status_code == 200
        if content == good:
            blockers = [user.submit("make-an-audio", seed, steps=100) for seed in range(8)]
            clip = user.post("/api/conversions", upload=upload["id"], voice="mine", steps=STEPS)
    for blocker in blockers:
        assert user.http.delete(f"/api/clips/{blocker['id']}").status_code == 204
    state: dict[str, Any] = {}
    until(lambda: ended(user, clip, state), 120, "the clip ends")
    assert state["state"] == "failed"
    assert state["error"]["code"] == "not_audio"
    assert user.credits() == 10_000


@pytest.mark.timeout(400)
def test_conversion_of_a_recording_larger_than_a_serve_message(join: Callable[[], User]) -> None:
    """A minute is 12 MB at 48 kHz; by default Serve's replicas send each other 4 MiB."""
    user, seconds = join(), 60
    source = user.send(said(seconds), "audio/wav")
    clip = user.post("/api/conversions", upload=source, voice="mine", steps=1)
    done = user.finish(clip, 300)
    assert done["attempts"] == 1
    assert done["audio"]["seconds"] == pytest.approx(seconds, abs=0.1)


def any_started(user: User) -> bool:
    return any(each["started_at"] for each in user.http.get("/api/clips").json()["items"])


def ended(user: User, clip: dict[str, Any], state: dict[str, Any]) -> bool:
    state.update(user.http.get(f"/api/clips/{clip['id']}").json())
    return bool(state["state"] != "pending")


def fetch(clip: dict[str, Any]) -> tuple[np.ndarray, int]:
    answer = httpx.get(clip["audio"]["url"])
    assert answer.status_code == 200
    samples, rate = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    return samples, rate


def wave(seconds: float) -> bytes:
    sink = io.BytesIO()
    tone = 0.3 * np.sin(2 * np.pi * 150 * np.arange(int(seconds * 16_000)) / 16_000)
    soundfile.write(sink, tone, 16_000, format="WAV")
    return sink.getvalue()


def said(seconds: int, rate: int = 48_000) -> bytes:
    """The same words again and again, at a rate of many samples."""
    samples, own_rate = soundfile.read(io.BytesIO(SPEECH), dtype="float32")
    often = np.resize(soxr.resample(samples, own_rate, rate), seconds * rate)
    sink = io.BytesIO()
    soundfile.write(sink, often, rate, format="WAV")
    return sink.getvalue()


def memory(up: BernieUp) -> float:
    """Bytes of all processes, what they share counted once."""
    root = psutil.Process(up.process.pid)
    return float(
        sum(each.memory_full_info().pss for each in (root, *root.children(recursive=True)))
    )
