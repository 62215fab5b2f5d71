"""Writes down the register of every voice that ships: the median F0 of its recording.

python -m training.voice_pitches
"""

from __future__ import annotations

import numpy as np
import soundfile
import soxr
import torch

from pipelines.models.revoice.checkpoint import load_pitch
from pipelines.networks.fcpe import SAMPLE_RATE
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import catalogue
from pipelines.voices.timbre import PITCHES


def main() -> None:
    settings = PipelineSettings()
    tracker, voices = load_pitch(settings), catalogue(settings.checkpoints)
    lines = ["# Median F0 of each voice, made by training.voice_pitches.", "[hertz]"]
    for voice in voices.voices:
        samples, rate = soundfile.read(voices.recording(voice), dtype="float32")
        wave = torch.from_numpy(soxr.resample(samples, rate, SAMPLE_RATE))
        with torch.inference_mode():
            pitch = tracker(wave[None])[0].numpy()
        lines.append(f"{voice.name} = {np.exp(np.median(np.log(pitch[pitch > 0]))):.1f}")
    text = "\n".join(lines) + "\n"
    (settings.checkpoints / PITCHES).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
