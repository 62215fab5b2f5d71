from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from pipelines.protocol import InvalidInput
from pipelines.seedvc.request import ConversionRequest, Recording, check
from tests.pipelines.seedvc.tiny import buzz

GOOD = ConversionRequest(buzz(0.5), buzz(1.0))


def refused(request: ConversionRequest, *, pitched: bool = True) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        check(request, pitched=pitched)
    return caught.value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("steps", 100_000),
        ("guidance", -0.1),
        ("guidance", math.nan),
        ("length_adjust", 0.0),
        ("length_adjust", math.inf),
        ("semitones", 100.0),
    ],
)
def test_values_out_of_range_name_their_field(field: str, value: float) -> None:
    error = refused(replace(GOOD, **{field: value}))
    assert error.field == field
    assert field in error.message


@pytest.mark.parametrize("field", ["source", "reference"])
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
def test_what_is_not_audio_is_refused(field: str, samples: np.ndarray, code: str) -> None:
    error = refused(replace(GOOD, **{field: Recording(samples, 16000)}))
    assert (error.field, error.code) == (field, code)


def test_pitch_options_need_a_model_that_sees_pitch() -> None:
    check(replace(GOOD, semitones=3.0, match_pitch=True), pitched=True)
    check(GOOD, pitched=False)
    assert refused(replace(GOOD, semitones=3.0), pitched=False).field == "semitones"
    assert refused(replace(GOOD, match_pitch=True), pitched=False).field == "match_pitch"


def test_the_http_process_can_check_requests_without_torch() -> None:
    modules = ("request", "segments", "windows")
    imports = "; ".join(f"import pipelines.seedvc.{module}" for module in modules)
    program = f"{imports}; import sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_integers_are_scaled_and_channels_averaged() -> None:
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
