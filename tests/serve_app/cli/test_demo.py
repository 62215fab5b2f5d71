"""The requests of the demo. `tests/system` tests that the stack starts and stops."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import soundfile

from serve_app.cli import demo
from serve_app.cli.client import Client
from serve_app.cli.demo import DemoRequest, demo_settings, make_all
from serve_app.settings import OFF, ServiceSettings
from tests.serve_app.api_harness import FinishingApi
from tests.serve_app.recordings import SPEECH
from tests.serve_app.served import served


def wishes(folder: Path) -> DemoRequest:
    return DemoRequest("Hello.", "woman", "bm_george", "A dog barks", folder / "demo.wav")


def made(api: FinishingApi, folder: Path) -> tuple[dict[str, str], list[str]]:
    """The service of each file that the demo makes, and its text."""
    wav = io.BytesIO()
    soundfile.write(wav, *soundfile.read(SPEECH), format="WAV")
    api.audio = wav.getvalue()
    said: list[str] = []
    with served(api) as url, Client(url) as client:
        client.sign_up("demo@example.com", "a long enough password")
        clips = make_all(wishes(folder), api.settings, client, said.append)
    for file in clips:
        assert file.read_bytes() == api.audio
    return {file.name: clip["service"] for file, clip in clips.items()}, said


def test_demo_makes_speech_conversion_and_sound(
    finishing_api: FinishingApi, tmp_path: Path
) -> None:
    files, _ = made(finishing_api, tmp_path)
    assert files == {
        "demo.wav": "styletts2",
        "demo-converted.wav": "seedvc",
        "demo-sound.wav": "make-an-audio",
    }


def test_demo_leaves_out_what_is_not_installed(finishing_api: FinishingApi, tmp_path: Path) -> None:
    off = {"conversion": ServiceSettings(pipeline=OFF)}
    finishing_api.settings = finishing_api.settings.model_copy(update=off)
    files, said = made(finishing_api, tmp_path)
    assert list(files) == ["demo.wav", "demo-sound.wav"]
    [message] = [line for line in said if "not installed" in line]
    assert message.startswith("Voice conversion is not installed here. Run `bernie fetch")


def test_tables_say_what_a_service_does_and_which_model_did_it() -> None:
    stages = {"vocoder": {"queued": 0.1, "seconds": 0.2}}
    timings = {"stages": stages, "first_audio_seconds": 0.3, "total_seconds": 0.4}
    settings = demo_settings(conversion=ServiceSettings(pipeline="revoice"))
    table = demo._timing_table({"service": "seedvc", "timings": timings}, settings)
    assert table.columns[0].header == "Voice conversion (revoice)"


def test_demo_settings_ignore_database_and_store_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BERNIE_DATABASE_URL", "postgresql://u:p@h/x")
    monkeypatch.setenv("BERNIE_S3_ENDPOINT", "https://s3.internal")
    monkeypatch.setenv("BERNIE_S3_PUBLIC_ENDPOINT", "https://s3.example.com")
    monkeypatch.setenv("BERNIE_THROTTLE_STARTS", "7")
    settings = demo_settings()
    assert settings.database().startswith("sqlite:")
    assert settings.s3_endpoint == settings.s3_public_endpoint == ""
    assert settings.throttle_starts == 7
