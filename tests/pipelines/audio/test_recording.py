from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.audio.recording import Recording, at_rate, check_recording
from pipelines.protocol import InvalidInput

RATES = (8000, 16000, 22050, 24000, 44100, 48000)


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (np.zeros(0, np.float32), "audio_too_short"),
        (np.zeros(1599, np.float32), "audio_too_short"),
        (np.zeros((1600, 0), np.float32), "audio_too_short"),
        (np.full(1600, np.nan, np.float32), "bad_audio"),
        (np.full(1600, np.inf, np.float32), "bad_audio"),
        (np.zeros((4, 4, 4), np.float32), "bad_audio"),
        (np.zeros(1600, bool), "bad_audio"),
        (np.array(["a"] * 1600), "bad_audio"),
    ],
)
def test_recording_what_is_not_audio_is_refused(samples: np.ndarray, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_recording(Recording(samples, 16000), "source")
    assert (caught.value.field, caught.value.code) == ("source", code)


def test_recording_no_torch_is_imported() -> None:
    program = "import pipelines.audio.recording, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_recording_integers_are_scaled_and_channels_averaged() -> None:
    stereo = np.array([[16384, -16384], [32767, 32767], [-32768, -32768]], np.int16)
    mono = Recording(stereo, 8000).mono()
    np.testing.assert_allclose(mono, [0.0, 32767 / 32768, -1.0])
    assert mono.dtype == np.float32
    assert Recording(np.array([2**30], np.int32), 8000).mono()[0] == 0.5
    assert Recording(np.array([0.25], np.float64), 8000).mono()[0] == 0.25


def test_the_digest_tells_recordings_apart() -> None:
    samples = np.arange(8, dtype=np.int16)
    digests = {
        Recording(samples, 8000).digest(),
        Recording(samples, 16000).digest(),
        Recording(samples.reshape(4, 2), 8000).digest(),
        Recording(samples.astype(np.float32), 8000).digest(),
        Recording(samples[::-1], 8000).digest(),
    }
    assert len(digests) == 5
    assert Recording(samples.copy(), 8000).digest() in digests


@settings(deadline=None)
@given(samples=st.integers(800, 5000), source=st.sampled_from(RATES), target=st.sampled_from(RATES))
def test_recording_resampled_lengths(samples: int, source: int, target: int) -> None:
    wave = at_rate(Recording(np.zeros(samples, np.float32), source), target)
    assert len(wave) == -(-samples * target // source)


def test_recording_equal_rate_changes_nothing() -> None:
    samples = np.random.default_rng(0).standard_normal(100).astype(np.float32)
    assert (at_rate(Recording(samples, 16000), 16000) == samples).all()
