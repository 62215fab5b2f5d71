"""The JavaScript clients of both services and an old Python client of ElevenLabs, in processes of
their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients import installed
from tests.clients.server import Server
from tests.serve_app.recordings import speech

HERE = Path(__file__).parent
TEXT = "The kettle is on, and the kitchen is warm."


def run(*command: str, **environment: str) -> dict[str, Any]:
    made = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **environment},
        check=False,
    )
    assert made.returncode == 0, made.stderr
    found: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recording") / "speech.wav"
    path.write_bytes(speech())
    return str(path)


def test_every_call_of_javascript(server: Server, recording: str) -> None:
    folder = installed.javascript()
    script = str(HERE / "calls.mjs")
    found = run("node", script, str(folder), server.url, server.account(), recording)
    assert {call: told for call, told in found.items() if "error" in told} == {}
    for call, told in found.items():
        assert told.get("bytes", 1) > 0, call
    assert found["textToSpeech.convert"]["bytes"] == pytest.approx(2.25 * 32_000, rel=0.05)
    assert found["textToSpeech.convertWithTimestamps"]["characters"] == TEXT
    assert found["textToSpeech.streamWithTimestamps"]["characters"] == TEXT
    assert found["voices.settings.get"]["speed"] == 1.2
    assert found["a wrong key"] == {"known": True, "status": 401, "slug": "invalid_api_key"}
    events = found["audio.speech.create as events"]
    assert events == {"first": "speech.audio.delta", "last": "speech.audio.done"}
    unknown = found["an unknown voice of OpenAI"]
    assert unknown == {"known": True, "code": "voice_not_found"}


def test_an_old_python_client(server: Server, recording: str) -> None:
    folder = installed.old_python()
    script = str(HERE / "old_calls.py")
    arguments = (script, server.url, server.account(), recording)
    found = run(sys.executable, *arguments, PYTHONPATH=str(folder))
    assert found["version"] == "2.72.0"
    assert found["timestamps"] == TEXT
    for call in ("convert", "stream", "conversion", "conversion.stream", "sound"):
        assert found[call] > 1000, call
    assert found["voice"] == "Made by an old client"
    assert found["history"] == 6
    assert found["models"] > 0
