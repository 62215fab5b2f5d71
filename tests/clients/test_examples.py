"""The examples, as a user runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients import installed
from tests.clients.audio import decode
from tests.clients.server import Server

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    "name",
    [
        "openai_speech.py",
        "elevenlabs_stream.py",
        "elevenlabs_captions.py",
        "openai_speech.mjs",
        "elevenlabs_stream.mjs",
    ],
)
def test_example_writes_audio(server: Server, name: str, tmp_path: Path) -> None:
    key, file = server.account(), tmp_path / "speech.mp3"
    where = {
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_KEY": key,
        "BERNIE_URL": server.url,
        "ELEVENLABS_API_KEY": key,
    }
    command = [sys.executable, str(EXAMPLES / name), str(file)]
    if name.endswith(".mjs"):
        # Modules are looked for beside the script.
        script = tmp_path / name
        shutil.copy(EXAMPLES / name, script)
        (tmp_path / "node_modules").symlink_to(installed.javascript() / "node_modules")
        command = ["node", str(script), str(file)]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, **where})
    samples, rate = decode(file.read_bytes())
    assert len(samples) / rate > 1.5
