"""Records the voices that ship, for models that take their voice from a recording.

    python -m pipelines.styletts2.record_voices

Writes checkpoints/kokoro/recordings/NAME.flac: each voice says the same text, in float32.
"""

from __future__ import annotations

import argparse

import numpy as np

from pipelines import registry
from pipelines.audio import Encoder
from pipelines.protocol import SpeechRequest
from pipelines.settings import PipelineSettings
from pipelines.styletts2.voices import catalogue

PIPELINE = ("styletts2", "kokoro")
# Most sounds of English, in an even voice, within the 25 s that the models take of a recording.
TEXT = (
    "The quick brown fox jumps over the lazy dog, while a huge orange moon is rising. "
    "She chose the path beside the river, and measured every joyful step."
)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    settings = PipelineSettings(dtype="float32", threads=2)
    voices = catalogue(settings.checkpoints)
    frontend = registry.load_frontend(*PIPELINE, settings)
    diffusion = registry.load_diffusion(*PIPELINE, settings)
    vocoder = registry.load_vocoder(*PIPELINE, settings)
    for voice in voices.voices:
        [segments] = frontend.prepare([SpeechRequest(TEXT, voice.name)])
        joiner = registry.joiner(*PIPELINE, settings)
        acoustics = diffusion.finish(diffusion.begin(segments))
        pieces = [joiner.add(wave) for wave in vocoder.synthesize(acoustics)]
        samples = np.concatenate([*pieces, joiner.close()])
        file = voices.recording(voice)
        file.parent.mkdir(exist_ok=True)
        with file.open("wb") as sink:
            encoder = Encoder(sink, "flac", vocoder.sample_rate, vocoder.sample_rate)
            encoder.write(samples)
            encoder.close()
        print(f"{file.name}: {len(samples) / vocoder.sample_rate:.1f} s")


if __name__ == "__main__":
    main()
