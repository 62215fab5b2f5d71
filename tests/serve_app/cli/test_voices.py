"""`bernie voices`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serve_app.api_harness import FinishingApi
from tests.serve_app.cli.running import run
from tests.serve_app.recordings import SPEECH

pytestmark = pytest.mark.usefixtures("data_dir")


def test_voices_add_and_remove(server: FinishingApi, tmp_path: Path) -> None:
    code, output = run("voices", "add", "grandma", str(SPEECH))
    assert code == 0
    assert "Added the voice grandma.\n" in output
    assert "It can be used for: Voice conversion." in output
    code, output = run("voices")
    assert code == 0
    assert "af_heart" in output
    assert "grandma" in output
    assert run("voices", "remove", "grandma")[0] == 0
    code, output = run("voices", "remove", "grandma")
    assert code == 1
    assert "no voice of your own" in output
    silence = tmp_path / "silence.wav"
    silence.write_bytes(b"no sound")
    code, output = run("voices", "add", "nobody", str(silence))
    assert code == 1
    assert "silence" not in run("voices")[1]
