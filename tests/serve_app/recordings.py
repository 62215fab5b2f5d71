"""Recordings, and sending them as uploads."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile

from pipelines.audio.recording import Recording, at_rate
from tests.serve_app.api_harness import Api, Headers

SPEECH = Path(__file__).parents[1] / "goldens" / "speech" / "am_michael.flac"


@cache
def speech() -> bytes:
    """3.5 seconds of speech, as FLAC."""
    return SPEECH.read_bytes()


def tone(seconds: float, kind: str = "WAV", rate: int = 8_000) -> bytes:
    sink = io.BytesIO()
    wave = 0.3 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(sink, wave, rate, format=kind)
    return sink.getvalue()


def spoken(seconds: float, rate: int = 8_000) -> bytes:
    """Speech of so many seconds, as WAV."""
    samples = at_rate(Recording(*soundfile.read(SPEECH, dtype="float32")), rate)
    # From the middle of a word on.
    return wav(np.resize(samples[rate // 2 :], round(seconds * rate)), rate)


def wav(samples: np.ndarray, rate: int = 8_000) -> bytes:
    sink = io.BytesIO()
    soundfile.write(sink, samples, rate, format="WAV")
    return sink.getvalue()


def announce(api: Api, headers: Headers, size: int, content_type: str) -> dict[str, Any]:
    """The answer to a new upload."""
    request = {"content_type": content_type, "bytes": size}
    answer = api.client.post("/api/uploads", headers=headers, json=request)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def send(
    api: Api, headers: Headers, data: bytes, content_type: str = "audio/flac"
) -> dict[str, Any]:
    """An upload whose file was sent."""
    upload = announce(api, headers, len(data), content_type)
    answer = httpx.request(upload["method"], upload["url"], content=data, headers=upload["headers"])
    assert answer.status_code == 200, answer.text
    return upload
