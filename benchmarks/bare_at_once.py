"""Bare pipelines of Kokoro, each on one thread in a process of its own, which share texts: what the
processors make of them without a service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from pipelines.bare import BarePipeline
from pipelines.protocol import SpeechRequest
from pipelines.settings import PipelineSettings
from serve_app.deployments.ray_environment import MALLOC, SHAPE_CACHES

VOICE = "af_heart"
_WARM = 4
"""Texts that a process makes before it begins."""


@dataclass(frozen=True)
class Made:
    """Seconds of audio, of the processors, and by the clock."""

    audio: float
    used: float
    seconds: float

    @property
    def per_cpu_second(self) -> float:
        return self.audio / self.used

    @property
    def per_second(self) -> float:
        return self.audio / self.seconds


def at_once(texts: list[str], processes: int) -> Made:
    """What so many processes make that begin together; the texts are dealt out to them in turn."""
    environment = {**os.environ, **MALLOC, **SHAPE_CACHES, "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bare_at_once"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for part, each in enumerate(started):
        _tell(each, json.dumps(texts[part::processes]))
    for each in started:
        assert each.stdout is not None
        while each.stdout.readline().strip() != "ready":
            assert each.poll() is None, "a bare pipeline ended"
    begun = time.monotonic()
    for each in started:
        _tell(each, "")
    found = [json.loads(each.communicate()[0].splitlines()[-1]) for each in started]
    seconds = time.monotonic() - begun
    return Made(sum(audio for audio, _ in found), sum(used for _, used in found), seconds)


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def main() -> None:
    """Takes texts as a line of JSON, warms up, says so, waits for a line, and prints the seconds of
    audio and of the processors."""
    pipeline = BarePipeline("styletts2", "kokoro", PipelineSettings(threads=1))
    texts = json.loads(sys.stdin.readline())
    for text in texts[:_WARM]:
        pipeline.clip(SpeechRequest(text, VOICE))
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.process_time()
    samples = sum(len(pipeline.clip(SpeechRequest(text, VOICE))) for text in texts)
    print(json.dumps((samples / pipeline.sample_rate, time.process_time() - begun)))


if __name__ == "__main__":
    main()
