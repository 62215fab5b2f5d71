"""Runs docs/api.md as a person would: pasted into a shell, from top to bottom."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import soundfile

from tests.clone import untracked
from tests.serve_app.api_harness import FinishingApi
from tests.serve_app.recordings import SPEECH
from tests.serve_app.served import served

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
SERVER = "http://127.0.0.1:8000"

STRICT = """
set -eu -o pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
"""
"""An answer of 4xx or 5xx is a failure too."""


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide speaks through curl")
def test_api_guide_commands_run(finishing_api: FinishingApi, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert sum(block.count("curl ") for block in blocks) > 20
    clone = tmp_path / "clone"
    clone.mkdir()
    wav = io.BytesIO()
    soundfile.write(wav, *soundfile.read(SPEECH), format="WAV")
    finishing_api.audio = wav.getvalue()
    with served(finishing_api) as url:
        script = STRICT + "".join(blocks).replace(SERVER, url)
        pasted = subprocess.run(
            ["bash", "-c", script], cwd=clone, capture_output=True, text=True, timeout=60
        )
    assert pasted.returncode == 0, pasted.stdout[-2000:] + pasted.stderr
    for name in ("hello.wav", "streamed.wav"):
        assert (clone / name).read_bytes() == finishing_api.audio
    assert untracked(clone) == [], "a clone in which the guide was followed is clean"


def test_api_guide_lists_every_error_code() -> None:
    guide = GUIDE.read_text()
    source = Path(__file__).parents[2] / "serve_app"
    status_and_code = re.compile(
        r"(?:ApiError|error_response)\(\s*\d{3},\s*\"(\w+)\"|\d{3}: \(\"(\w+)\","
    )
    codes = {
        first or second
        for file in source.rglob("*.py")
        for first, second in status_and_code.findall(file.read_text())
    }
    assert {"malformed_json", "invalid_credentials", "idempotency_conflict"} <= codes
    assert {code for code in codes if f"`{code}`" not in guide} == set()
