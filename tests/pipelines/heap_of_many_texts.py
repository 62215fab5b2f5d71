"""Speaks texts of different lengths one after the other, and prints the resident memory in MB of
the process without what the heap may return: after a quarter of the texts, and after all."""

from __future__ import annotations

import random
import sys

from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest
from pipelines.settings import PipelineSettings
from serve_app.deployments.heap import GlibcHeap, HeapTrimmer

WORDS = (
    "the",
    "old",
    "train",
    "late",
    "again",
    "we",
    "walked",
    "along",
    "river",
    "talked",
    "gardens",
)


def main(texts: int) -> None:
    pipeline = BarePipeline("styletts2", "kokoro", PipelineSettings(threads=1))
    heap, chance = GlibcHeap(), random.Random(1)
    trimmer = HeapTrimmer(heap)
    for number in range(1, texts + 1):
        text = " ".join(chance.choices(WORDS, k=chance.randint(1, 5)))
        for acoustic in pipeline.acoustics(SpeechRequest(text, "af_heart")):
            trimmer.after_step()
            pipeline.waveform(acoustic)
            trimmer.after_step()
        if number in (texts // 4, texts):
            trimmer.when_idle()
            print(heap.resident() >> 20, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
