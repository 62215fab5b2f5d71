"""Seconds and CPU-seconds of each stage of Make-An-Audio at its official size, with random weights.

    python -m benchmarks.models_makeanaudio [--seconds 10] [--batch 1] [--dtype bfloat16]

A sampler step is one pass with guidance; a sound takes as many of them as it has steps. Peak memory
is that of the whole process up to then.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from pipelines.makeanaudio.config import BertConfig, DecoderConfig, UNetConfig
from pipelines.makeanaudio.request import LATENT_FRAMES, LATENT_HEIGHT, SAMPLE_RATE, latent_width
from pipelines.makeanaudio.text_encoder import TOKENS, TextEncoder
from pipelines.makeanaudio.unet import UNet
from pipelines.makeanaudio.vae import LatentDecoder
from pipelines.precision import autocast, place
from pipelines.settings import PipelineSettings
from pipelines.torch_runtime import Runtime, configure
from pipelines.vocoders.bigvgan import BigVGAN, BigVGANConfig

BERT = BertConfig(
    vocabulary=30522,
    width=768,
    layers=12,
    heads=12,
    inner=3072,
    positions=512,
    token_types=2,
    norm_epsilon=1e-12,
)
UNET = UNetConfig(
    channels_in=4,
    channels_out=4,
    width=320,
    multipliers=(1, 2),
    blocks=2,
    attention_rates=(1, 2),
    heads=8,
    depth=1,
    context=1024,
)
DECODER = DecoderConfig(
    latent=4,
    channels_in=4,
    channels_out=1,
    width=128,
    multipliers=(1, 2, 2, 4),
    blocks=3,
    attention_levels=(2, 3),
)
VOCODER = BigVGANConfig(
    mels=80,
    channels=1536,
    upsample_rates=(4, 4, 2, 2, 2, 2),
    upsample_kernels=(8, 8, 4, 4, 4, 4),
    block_kernels=(3, 7, 11),
    block_dilations=((1, 3, 5),) * 3,
    snake_beta=True,
    log_scale=True,
)


def measure(
    name: str,
    build: Callable[[], nn.Module],
    inputs: Callable[[], tuple[torch.Tensor, ...]],
    runtime: Runtime,
    repeats: int,
) -> None:
    """Prints the best of `repeats` runs after one that is not counted."""
    model = build().eval().requires_grad_(False)
    place(model, runtime)
    arguments = [tensor.to(runtime.device) for tensor in inputs()]
    wall, cpu = [], []
    with torch.inference_mode(), autocast(runtime):
        for _ in range(repeats + 1):
            start, start_cpu = time.perf_counter(), time.process_time()
            model(*arguments)
            if runtime.device.type == "cuda":
                torch.cuda.synchronize()
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - start_cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:<22}{min(wall[1:]):>10.2f}{min(cpu[1:]):>10.2f}{peak:>12.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only", choices=["text", "unet", "decoder", "vocoder"])
    options = parser.parse_args()
    runtime = configure(
        PipelineSettings(device=options.device, dtype=options.dtype, threads=options.threads)
    )
    width, batch = latent_width(options.seconds), options.batch
    frames = LATENT_FRAMES * width
    stages = {
        "text": (
            lambda: TextEncoder(BERT, UNET.context),
            lambda: (torch.randint(1000, 30000, (batch, TOKENS)),),
        ),
        "unet": (
            lambda: UNet(UNET),
            lambda: (
                torch.randn(2 * batch, 4, LATENT_HEIGHT, width),
                torch.full((2 * batch,), 500),
                torch.randn(2 * batch, TOKENS, UNET.context),
            ),
        ),
        "decoder": (
            lambda: LatentDecoder(DECODER),
            lambda: (torch.randn(batch, 4, LATENT_HEIGHT, width),),
        ),
        "vocoder": (lambda: BigVGAN(VOCODER), lambda: (torch.randn(batch, 80, frames) - 2,)),
    }
    print(
        f"{batch} x {frames * 256 / SAMPLE_RATE:.2f} s, {runtime.dtype}, {runtime.device}, "
        f"{options.threads} thread(s)"
    )
    print(f"{'stage':<22}{'seconds':>10}{'CPU s':>10}{'peak MiB':>12}")
    for name, (build, inputs) in stages.items():
        if options.only in (None, name):
            # The text encoder runs in float32 whatever the setting.
            chosen = replace(runtime, dtype=torch.float32) if name == "text" else runtime
            measure(name, build, inputs, chosen, options.repeats)


if __name__ == "__main__":
    main()
