from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from pipelines.audio.recording import Recording
from pipelines.protocol import InvalidInput
from pipelines.requests.conversion import ConversionRequest, check
from tests.pipelines.models.seedvc.tiny import buzz

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
def test_conversion_request_values_out_of_range_name_their_field(field: str, value: float) -> None:
    error = refused(replace(GOOD, **{field: value}))
    assert error.field == field
    assert field in error.message


@pytest.mark.parametrize("field", ["source", "reference"])
def test_conversion_request_both_recordings_are_checked(field: str) -> None:
    short = Recording(np.zeros(1599, np.float32), 16000)
    error = refused(replace(GOOD, **{field: short}))
    assert (error.field, error.code) == (field, "audio_too_short")


def test_conversion_request_pitch_options_need_a_model_that_sees_pitch() -> None:
    check(replace(GOOD, semitones=3.0, match_pitch=True), pitched=True)
    check(GOOD, pitched=False)
    assert refused(replace(GOOD, semitones=3.0), pitched=False).field == "semitones"
    assert refused(replace(GOOD, match_pitch=True), pitched=False).field == "match_pitch"


def test_conversion_request_http_process_can_check_requests_without_torch() -> None:
    folder = "pipelines.models.seedvc"
    modules = ("pipelines.requests.conversion", f"{folder}.segments", f"{folder}.windows")
    imports = "; ".join(f"import {module}" for module in modules)
    program = f"{imports}; import sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
