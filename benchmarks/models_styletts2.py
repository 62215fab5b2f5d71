"""StyleTTS2 at its published size with random weights: what each stage costs.

    python -m benchmarks.models_styletts2 [--variant libritts] [--dtype float32] [--batch 1]

Prints seconds and CPU-seconds of each part for texts of 60 tokens that last 5 s, the peak memory so
far, and the whole's CPU-seconds for a second of audio. With another `--dtype`, also how far its
waveform is from that of float32.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from pipelines.lengths import Lengths
from pipelines.precision import place
from pipelines.settings import PipelineSettings
from pipelines.styletts2.acoustic import AcousticModel
from pipelines.styletts2.config import DenoiserConfig, HifiganConfig, ModelConfig
from pipelines.styletts2.decoder import Decoder
from pipelines.styletts2.guidance import GuidedDenoiser
from pipelines.styletts2.sampler import advance, schedule
from pipelines.styletts2.style_encoder import StyleEncoder, reference_mel
from pipelines.torch_runtime import Runtime, configure
from pipelines.vocoders.source import HARMONICS

LJSPEECH = ModelConfig(denoiser=DenoiserConfig(), final_frames=5)
LIBRITTS = replace(
    LJSPEECH, generator=HifiganConfig(), multispeaker=True, late_features=True, final_frames=0
)
VARIANTS = {"libritts": LIBRITTS, "ljspeech": LJSPEECH}
TOKENS, SECONDS, FRAMES_PER_SECOND = 60, 5, 40
REFERENCE_SECONDS = 5
STEPS = 5


class Bench:
    """Runs parts and prints what they cost."""

    def __init__(self, runtime: Runtime, repeats: int) -> None:
        self._runtime = runtime
        self._repeats = repeats
        self.total = 0.0
        print(f"{'part':<28}{'seconds':>10}{'CPU s':>10}{'peak MiB':>12}")

    def run(self, name: str, work: Callable[[], Tensor], counts: bool = True) -> Tensor:
        """The best of the runs after one that is not counted; the result of the last."""
        wall, cpu = [], []
        for _ in range(self._repeats + 1):
            start, start_cpu = time.perf_counter(), time.process_time()
            result = work()
            if self._runtime.device.type == "cuda":
                torch.cuda.synchronize()
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - start_cpu)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name:<28}{min(wall[1:]):>10.3f}{min(cpu[1:]):>10.3f}{peak:>12.0f}", flush=True)
        if counts:
            self.total += min(cpu[1:])
        return result


def still(module: nn.Module, device: torch.device) -> nn.Module:
    return module.eval().requires_grad_(False).to(device)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=VARIANTS, default="libritts")
    parser.add_argument("--dtype", default="float32", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(0)
    config, batch = VARIANTS[options.variant], options.batch
    runtime = configure(
        PipelineSettings(device=options.device, dtype=options.dtype, threads=options.threads)
    )
    device, frames = runtime.device, SECONDS * FRAMES_PER_SECOND
    print(f"{options.variant}: {batch} x {SECONDS} s, {runtime.dtype}, {options.threads} thread(s)")
    bench = Bench(runtime, options.repeats)

    if config.multispeaker:
        encoder = still(StyleEncoder(config), device)
        wave = 0.1 * torch.randn(1, REFERENCE_SECONDS * config.sample_rate, device=device)
        bench.run("one style encoder, 5 s", lambda: encoder(reference_mel(wave)), counts=False)

    model = AcousticModel(config)
    still(model, device)
    place(model.denoiser, runtime)
    tokens = torch.randint(1, config.symbols, (batch, TOKENS), device=device)
    lengths = Lengths.of([TOKENS] * batch, device)
    text = bench.run("PL-BERT", lambda: model.read(tokens, lengths))
    style = torch.randn(batch, 2 * config.style, device=device)
    for scale in (1.0, 2.0):
        denoiser = GuidedDenoiser(
            model.denoiser,
            list(text),
            style if config.multispeaker else None,
            [scale] * batch,
            runtime,
        )

        def sample(denoiser: GuidedDenoiser = denoiser) -> Tensor:
            x = 3 * style
            for step in schedule(STEPS):
                x = advance(denoiser, x, [step] * batch, style)
            return x

        bench.run(f"style, {STEPS} steps, scale {scale:g}", sample, counts=scale == 1.0)
    prosody = style[:, config.style :]
    hidden = model.bert_encoder(text)
    bench.run("durations", lambda: model.predictor.durations(hidden, prosody, lengths)[1])
    bench.run("text encoder", lambda: model.text_encoder(tokens, lengths))
    spans = Lengths.of([frames] * batch, device)
    aligned = torch.randn(batch, config.hidden + config.style, frames, device=device)
    bench.run("F0 and energy", lambda: model.predictor.contours(aligned, prosody, spans)[0])

    decoder = Decoder(config)
    still(decoder.compute_in(runtime.dtype), device)
    inputs = [
        torch.randn(batch, config.hidden, frames, device=device),
        150 + 30 * torch.randn(batch, 2 * frames, device=device),
        torch.randn(batch, 2 * frames, device=device),
        style[:, : config.style],
    ]
    samples = frames * decoder.samples_per_frame
    noise = torch.randn(batch, samples, HARMONICS, device=device)
    waves = bench.run("decoder", lambda: torch.stack(decoder(*inputs, spans, noise)))
    print(f"CPU-seconds for a second of audio: {bench.total / batch / SECONDS:.3f}")
    if runtime.dtype is not torch.float32:
        exact = torch.stack(decoder.compute_in(torch.float32)(*inputs, spans, noise))
        error = (exact - waves).square().mean() / exact.square().mean()
        print(f"Waveform against float32 (weights rounded): {-10 * error.log10():.1f} dB")


if __name__ == "__main__":
    main()
