"""Kokoro bare on one thread: convolutions with fewer products against torch's own, in pairs.

    python -m benchmarks.bare [--dtype TYPE] [--rounds N] [--onnx FILE]

Each path runs in a process of its own, by turns, N times; figures are medians of CPU-seconds per
audio-second, which bear a busy machine better than seconds do. The last column is a row's
sum over that of the first. With `--onnx` the int8 export that the weights come from (see
checkpoints/README.md) runs beside them in ONNX Runtime, from the package's extra `quality`. To
measure as a processor without AVX-512 would:

    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 NUMBA_CPU_NAME=haswell \\
        python -m benchmarks.bare --dtype float32

(ONNX Runtime cannot be told so.)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speech import TEXTS
from pipelines import registry
from pipelines.bare import BarePipeline
from pipelines.models.styletts2.config import KOKORO
from pipelines.protocol import SpeechRequest
from pipelines.settings import PipelineSettings
from serve_app.deployments.ray_environment import MALLOC

VOICE = "af_heart"
Row = list[float]
"""CPU-seconds of the stages before the vocoder and of the vocoder, per audio-second."""


def bare(convolutions: str, dtype: str) -> Row:
    """The three stage objects, segment by segment."""
    settings = PipelineSettings(threads=1, dtype=dtype, convolutions=convolutions)
    pipeline = BarePipeline("styletts2", "kokoro", settings)
    costs = []
    for text in (TEXTS[0], *TEXTS):  # the first warms up
        start = time.process_time()
        acoustics = list(pipeline.acoustics(SpeechRequest(text, VOICE)))
        middle = time.process_time()
        samples = sum(len(pipeline.waveform(acoustic)) for acoustic in acoustics)
        costs.append((middle - start, time.process_time() - middle, samples))
    return _per_second(costs[1:], pipeline.sample_rate)


def exported(file: Path) -> Row:
    """The whole model in ONNX Runtime, whose stages cannot be told apart."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    frontend = registry.load_frontend("styletts2", "kokoro", PipelineSettings(threads=1))
    costs = []
    for text in (TEXTS[0], *TEXTS):
        [segments] = frontend.prepare([SpeechRequest(text, VOICE)])
        samples, start = 0, time.process_time()
        for segment in segments:
            inputs: dict[str, Any] = {
                "tokens": np.array([segment.tokens], np.int64),
                "style": np.asarray(segment.style, np.float32).reshape(1, -1),
                "speed": np.ones(1, np.float32),
            }
            samples += session.run(None, inputs)[0].size
        costs.append((0.0, time.process_time() - start, samples))
    return _per_second(costs[1:], KOKORO.sample_rate)


def _per_second(costs: list[tuple[float, float, int]], rate: int) -> Row:
    before, vocoding, samples = (sum(column) for column in zip(*costs, strict=True))
    return [before * rate / samples, vocoding * rate / samples]


def in_a_process(options: argparse.Namespace, path: str) -> Row:
    command = [sys.executable, "-m", "benchmarks.bare", "--path", path, "--dtype", options.dtype]
    if options.onnx:
        command += ["--onnx", str(options.onnx)]
    environment = {**os.environ, **MALLOC, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--onnx", type=Path)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.path:
        onnx = options.path == "onnx"
        row = exported(options.onnx) if onnx else bare(options.path, options.dtype)
        print(json.dumps(row))
        return
    paths = ["plain", "fast", *(["onnx"] if options.onnx else [])]
    rounds = [[in_a_process(options, path) for path in paths] for _ in range(options.rounds)]
    rows = [np.median(of, axis=0) for of in zip(*rounds, strict=True)]
    print("| convolutions | before the vocoder | vocoder | together | of plain |")
    print("|---|---|---|---|---|")
    for path, row in zip(paths, rows, strict=True):
        share = sum(row) / sum(rows[0])
        print(f"| {path} | {row[0]:.3f} | {row[1]:.3f} | {sum(row):.3f} | {share:.2f} |")


if __name__ == "__main__":
    main()
