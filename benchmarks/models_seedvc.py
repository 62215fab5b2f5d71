"""Voice conversion at full size with random weights: what each stage costs.

    python -m benchmarks.models_seedvc [--variant speech] [--dtype float32] [--batch 1]

Prints seconds and CPU-seconds of each stage for a source of 10 s and a reference of 5 s, and the
peak memory so far. `--difference` also runs the flow in float32 and prints how far apart the mels
are.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from pipelines.mel import log_mel
from pipelines.precision import autocast
from pipelines.recording import Recording
from pipelines.seedvc import official
from pipelines.seedvc.campplus import CampPlus, speaker_embedding
from pipelines.seedvc.config import SeedVCConfig
from pipelines.seedvc.content import content_encoder
from pipelines.seedvc.dit import VelocityEstimator
from pipelines.seedvc.frontend import SeedVCFrontend
from pipelines.seedvc.length_regulator import LengthRegulator
from pipelines.seedvc.request import ConversionRequest
from pipelines.seedvc.rmvpe import RMVPE, RMVPEConfig, track_pitch
from pipelines.seedvc.segments import ConversionSegment
from pipelines.seedvc.stages import SeedVCDiffusion, SeedVCVocoder
from pipelines.settings import PipelineSettings
from pipelines.torch_runtime import Runtime, configure
from pipelines.vocoders.bigvgan import BigVGAN

VARIANTS = {"speech": official.SPEECH, "singing": official.SINGING}
SOURCE_SECONDS, REFERENCE_SECONDS = 10.0, 5.0

T = TypeVar("T")


def timed(name: str, work: Callable[[], T], repeats: int = 1) -> T:
    """Runs `work` once to warm up, then prints the least of `repeats` runs."""
    result = work()
    wall, cpu = [], []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        result = work()
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name:<44} {min(wall):8.2f} s {min(cpu):8.2f} CPU-s {peak:8.2f} GiB", flush=True)
    return result


WHISPER_SMALL = {
    "d_model": 768,
    "encoder_layers": 12,
    "encoder_attention_heads": 12,
    "encoder_ffn_dim": 3072,
}


def ready(module: nn.Module) -> nn.Module:
    return module.eval().requires_grad_(False)


def speech_like(seconds: float, sample_rate: int) -> Recording:
    """A buzz with the loudness of syllables."""
    time_axis = np.arange(round(seconds * sample_rate)) / sample_rate
    buzz = sum(np.sin(2 * np.pi * 120 * k * time_axis) / k for k in range(1, 20))
    samples = 0.1 * buzz * (1 + np.sin(2 * np.pi * 4 * time_axis))
    return Recording(samples.astype(np.float32), sample_rate)


def frontend(config: SeedVCConfig, runtime: Runtime, repeats: int) -> ConversionSegment:
    content, speaker, regulator = (
        content_encoder(WHISPER_SMALL),
        CampPlus(),
        LengthRegulator(config.regulator),
    )
    tracker = RMVPE(RMVPEConfig()) if config.pitched else None
    for module in filter(None, (content, speaker, regulator, tracker)):
        ready(module)
    stage = SeedVCFrontend(config, content, speaker, regulator, tracker, runtime)
    source = speech_like(SOURCE_SECONDS, config.sample_rate)
    reference = speech_like(REFERENCE_SECONDS, config.sample_rate)
    (heard,) = timed("front end: source, everything", lambda: stage.hear([stage.wave(source)]))

    def encode() -> object:
        with autocast(runtime):
            return content.features([heard.narrow])

    timed("  content, one window of 30 s", encode, repeats)
    timed("  speaker, 5 s", lambda: speaker_embedding(speaker, heard.narrow[:80000]), repeats)
    timed("  mel, 10 s", lambda: log_mel(heard.wave[None], config.mel), repeats)
    frames = config.mel.frames(len(heard.wave))
    pitch = None if heard.pitch is None else heard.pitch[None]
    timed("  length regulator", lambda: regulator(heard.features[None], frames, pitch), repeats)
    if tracker is not None:
        timed("  pitch, 10 s", lambda: track_pitch(tracker, heard.narrow), repeats)
    return stage.prepare([ConversionRequest(source, reference)])[0][0]


def flow(
    config: SeedVCConfig, segment: ConversionSegment, runtime: Runtime, options: argparse.Namespace
) -> None:
    torch.manual_seed(0)
    estimator = VelocityEstimator(config.dit)
    ready(estimator)
    mels = {}
    if options.difference:
        stage = SeedVCDiffusion(estimator, Runtime(runtime.device, torch.float32))
        mels["float32"] = solve(stage, segment)
    stage = SeedVCDiffusion(estimator, runtime)
    for guidance in (0.7, 0.0):
        for count in {1, options.batch}:
            segments = [replace(segment, guidance=guidance)] * count
            states = stage.begin(segments)
            name = f"flow: step, guidance {guidance}, batch {count}"
            timed(name, lambda states=states: stage.step(states), options.repeats)
    if options.difference:
        mels["lowered"] = solve(stage, segment)
        error = (mels["lowered"] - mels["float32"]).square().mean().sqrt()
        print(
            f"mel after 10 steps: rms difference {error / mels['float32'].std():.1e} of its spread"
        )


def solve(stage: SeedVCDiffusion, segment: ConversionSegment) -> torch.Tensor:
    states = stage.begin([replace(segment, steps=10)])
    for _ in range(10):
        stage.step(states)
    return torch.from_numpy(stage.finish(states)[0].mel)


def vocode(config: SeedVCConfig, runtime: Runtime, options: argparse.Namespace) -> None:
    model = BigVGAN(official.vocoder(config))
    ready(model)
    SeedVCVocoder(model, config.sample_rate, runtime)
    seconds = options.vocoder_seconds
    mel = torch.randn(
        options.batch, config.mel.bands, round(seconds * config.sample_rate) // model.hop
    )

    def run() -> torch.Tensor:
        with autocast(runtime):
            return model(mel.to(runtime.device))

    timed(f"vocoder, {seconds:g} s, batch {options.batch}", run, options.repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=VARIANTS, default="speech")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--vocoder-seconds", type=float, default=2.0)
    parser.add_argument("--difference", action="store_true")
    parser.add_argument("--stages", nargs="+", default=["frontend", "flow", "vocoder"])
    options = parser.parse_args()
    settings = PipelineSettings(device=options.device, dtype=options.dtype, threads=options.threads)
    runtime, config = configure(settings), VARIANTS[options.variant]
    print(f"{options.variant}, {runtime.device}, {runtime.dtype}, {options.threads} threads")
    with torch.inference_mode():
        if "frontend" in options.stages:
            frontend(config, runtime, options.repeats)
        if "flow" in options.stages:
            flow(config, random_segment(config), runtime, options)
        if "vocoder" in options.stages:
            vocode(config, runtime, options)


def random_segment(config: SeedVCConfig) -> ConversionSegment:
    """The window of a 10 s source behind a 5 s reference."""
    noise = np.random.default_rng(0)
    rate = config.sample_rate
    prompt, frames = (
        config.mel.frames(round(seconds * rate)) for seconds in (REFERENCE_SECONDS, SOURCE_SECONDS)
    )

    def normal(*shape: int) -> np.ndarray:
        return noise.standard_normal(shape, dtype=np.float32)

    return ConversionSegment(
        index=0,
        seed=0,
        length=prompt + frames,
        prompt=normal(prompt, config.mel.bands) - 4,
        style=normal(config.dit.style),
        content=normal(prompt + frames, config.dit.content),
        steps=1000,
        guidance=0.7,
    )


if __name__ == "__main__":
    main()
