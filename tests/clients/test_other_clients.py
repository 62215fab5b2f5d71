"""The JavaScript clients of both services, and an old Python client of ElevenLabs, each in a process
of its own. They are installed once, into the user's cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.server import Server
from tests.serve_app.recordings import speech

HERE = Path(__file__).parent
PACKAGES = ["@elevenlabs/elevenlabs-js@2.73.0", "openai@7.59.0"]
OLD = "elevenlabs==2.72.0"
TEXT = "The kettle is on, and the kitchen is warm."


def cached(name: str, *command: str) -> Path:
    """A folder of the cache that the command fills, whose last argument it is. Skips the test where
    that fails: without npm, or without a network."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bernie-tests"
    folder = root / name
    if folder.exists():
        return folder
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    making = root / f"{name}.{os.getpid()}"
    making.mkdir(parents=True)
    made = subprocess.run(
        [*command, str(making)], capture_output=True, text=True, timeout=300, check=False
    )
    if made.returncode:
        shutil.rmtree(making)
        pytest.skip(f"{name} cannot be installed: {made.stderr.strip()[-200:]}")
    try:
        making.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(making)
    return folder


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
    name = "-".join(each.rsplit("/", 1)[-1] for each in PACKAGES).replace("@", "-")
    install = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES)
    folder = cached(name, *install, "--prefix")
    script = str(HERE / "calls.mjs")
    found = run("node", script, str(folder), server.url, server.account(), recording)
    assert {call: told for call, told in found.items() if "error" in told} == {}
    for call, told in found.items():
        assert told.get("bytes", 1) > 0, call
    second = 2 * 16_000
    assert found["textToSpeech.convert"]["bytes"] == pytest.approx(2 * second, rel=0.1)
    assert found["textToSpeech.convertWithTimestamps"]["characters"] == TEXT
    assert found["textToSpeech.streamWithTimestamps"]["characters"] == TEXT
    assert found["voices.settings.get"]["speed"] == 1.2
    assert found["a wrong key"] == {"known": True, "status": 401, "slug": "invalid_api_key"}
    events = found["audio.speech.create as events"]
    assert events == {"first": "speech.audio.delta", "last": "speech.audio.done"}
    unknown = found["an unknown voice of OpenAI"]
    assert unknown == {"known": True, "code": "voice_not_found"}


def test_an_old_python_client(server: Server, recording: str) -> None:
    install = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", OLD, "--target")
    folder = cached(OLD.replace("==", "-"), *install)
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
