from __future__ import annotations

import numpy as np
import pytest

from pipelines.bare import BarePipeline
from pipelines.protocol import InvalidInput, SpeechRequest
from pipelines.settings import PipelineSettings

TONES = BarePipeline("styletts2", "noop", PipelineSettings(chunk_characters=40))
REQUEST = SpeechRequest("x" * 100, "woman")


def test_bare_pipeline_clip_has_a_part_for_each_segment_and_an_end() -> None:
    lengths = [TONES.waveform(each).size for each in TONES.acoustics(REQUEST)]
    silence = round(PipelineSettings().silence_seconds * TONES.sample_rate)
    first, second, third = lengths
    assert first == second > third
    parts = TONES.parts(REQUEST)
    assert [part.size for part in parts] == [first, silence + second, silence + third, 0]
    np.testing.assert_array_equal(TONES.clip(REQUEST), np.concatenate(parts))


def test_bare_pipeline_request_of_no_use_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing to say"):
        TONES.clip(SpeechRequest(" ", "woman"))
