"""StyleTTS2 against recordings of the reference; see `parity.comparison`.

Every stage is fed its recorded input. The last rows run all stages in turn from text to waveform:
there a thousandth of a hertz grows in the sum of phases, so that only a loose bound can hold.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from parity.comparison import Row
from parity.styletts2_bench import TEXTS, Comparison
from parity.styletts2_runs import batch, end_to_end, long_form
from parity.styletts2_stages import (
    alternative,
    decoder_alone,
    prosody,
    reference,
    sampler,
    spoken,
    text,
)
from pipelines.settings import PipelineSettings


def compare(folder: Path) -> list[Row]:
    """One row for each recorded tensor. Raises CheckpointError, FileNotFoundError and KeyError."""
    with tempfile.TemporaryDirectory() as checkpoints:
        comparison = Comparison(folder, PipelineSettings(Path(checkpoints), dtype="float32"))
        reference(comparison)
        for name in TEXTS:
            for stage in (text, sampler, prosody, spoken, alternative):
                stage(comparison, name)
        for part in (decoder_alone, batch, long_form, end_to_end):
            part(comparison)
    missed = [row for recording in comparison.recordings.values() for row in recording.left_out()]
    return comparison.rows + missed
