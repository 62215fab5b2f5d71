from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from serve_app.cli.client import Client, RequestFailed
from tests.system.test_speech import fetch, finish

SPEECH = Path(__file__).parents[1] / "goldens" / "speech" / "am_michael.flac"


def test_convert_command_uses_a_shipped_voice(sign_up: Callable[[], Client]) -> None:
    client = sign_up()
    with client.uploaded(SPEECH) as upload:
        voice = "af_heart:0.6+bf_emma:0.4"
        done = finish(client, client.convert(upload, voice, seed=3))
        with pytest.raises(RequestFailed, match="no voice 'mine'"):
            client.convert(upload, "mine")
    samples, rate = fetch(done)
    assert rate == 24_000
    assert len(samples) / rate == pytest.approx(soundfile.info(SPEECH).duration, abs=0.03)
    assert 0.01 < samples.std() < 0.3
