"""Records the voices that ship, for models that take their voice from a recording.

    python -m training.record_voices

Writes checkpoints/kokoro/recordings/NAME.flac: each voice says the same text, in float32.
"""

from __future__ import annotations

import argparse

from pipelines.audio.containers import Encoder
from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import catalogue

# Most sounds of English, in an even voice, within the 25 s that the models take of a recording.
TEXT = (
    "The quick brown fox jumps over the lazy dog, while a huge orange moon is rising. "
    "She chose the path beside the river, and measured every joyful step."
)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    settings = PipelineSettings(dtype="float32", threads=2)
    voices = catalogue(settings.checkpoints)
    speaker = BarePipeline("styletts2", "kokoro", settings)
    rate = speaker.sample_rate
    for voice in voices.voices:
        samples = speaker.clip(SpeechRequest(TEXT, voice.name))
        file = voices.recording(voice)
        file.parent.mkdir(exist_ok=True)
        with file.open("wb") as sink:
            encoder = Encoder(sink, "flac", rate, rate)
            encoder.write(samples)
            encoder.close()
        print(f"{file.name}: {len(samples) / rate:.1f} s")


if __name__ == "__main__":
    main()
