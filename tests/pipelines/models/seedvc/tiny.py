"""Small models and inputs for the tests of voice conversion."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile
import torch

from pipelines.audio.joining import CrossFade
from pipelines.audio.recording import Recording
from pipelines.models.seedvc.checkpoint import load_estimator, load_regulator, load_vocoder
from pipelines.models.seedvc.config import SeedVCConfig, read_config
from pipelines.models.seedvc.content import load_content_encoder
from pipelines.models.seedvc.frontend import SeedVCFrontend
from pipelines.models.seedvc.segments import ConversionSegment
from pipelines.models.seedvc.stages import SeedVCDiffusion, SeedVCVocoder
from pipelines.models.seedvc.windows import OVERLAP_FRAMES
from pipelines.networks.campplus import CampPlus, CampPlusConfig
from pipelines.networks.rmvpe import RMVPE, RMVPEConfig
from pipelines.networks.vocoders.bigvgan import BigVGAN, BigVGANConfig
from pipelines.reference_features import FeatureCache
from pipelines.runtime.device import Runtime

GOLDENS = Path(__file__).parents[3] / "goldens" / "seedvc"
VARIANTS = ("vc22k", "svc44k")
Module = TypeVar("Module", bound=torch.nn.Module)

SMALL_TRACKER = RMVPEConfig(channels=2, blocks=1, bottleneck=1, hidden=8)
SMALL_SPEAKER = CampPlusConfig(maps=4, channels=8, growth=4, bottleneck=8, blocks=((2, 1), (2, 2)))


def runtime(dtype: torch.dtype = torch.float32) -> Runtime:
    return Runtime(torch.device("cpu"), dtype)


def seeded(build: Callable[[], Module]) -> Module:
    """A module with random weights, the same in every run."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().eval().requires_grad_(False)


def small_vocoder(folder: Path) -> BigVGAN:
    values = json.loads((folder / "bigvgan" / "config.json").read_text())
    return seeded(lambda: BigVGAN(BigVGANConfig.from_mapping(values)))


@dataclass
class Tiny:
    """The three stages of one variant."""

    config: SeedVCConfig
    frontend: SeedVCFrontend
    diffusion: SeedVCDiffusion
    vocoder: SeedVCVocoder

    def joiner(self) -> CrossFade:
        return CrossFade(OVERLAP_FRAMES * self.config.mel.hop)


def build_tiny(
    folder: Path,
    cache: Path,
    dtype: torch.dtype = torch.float32,
    features: FeatureCache | None = None,
) -> Tiny:
    config = read_config(folder / "config.yml")
    return Tiny(
        config,
        SeedVCFrontend(
            config,
            load_content_encoder(folder / config.content_encoder),
            seeded(lambda: CampPlus(SMALL_SPEAKER)),
            load_regulator(folder / "model.pth", config, cache),
            seeded(lambda: RMVPE(SMALL_TRACKER)) if config.pitched else None,
            runtime(dtype),
            features,
        ),
        SeedVCDiffusion(load_estimator(folder / "model.pth", config, cache), runtime(dtype)),
        SeedVCVocoder(
            load_vocoder(folder / config.vocoder, cache), config.sample_rate, runtime(dtype)
        ),
    )


def golden_audio(name: str) -> Recording:
    return Recording(*soundfile.read(GOLDENS / "audio" / f"{name}.flac", dtype="float32"))


def buzz(seconds: float, sample_rate: int = 16000, pitch: float = 120.0) -> Recording:
    """A periodic wave with many harmonics."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
    return Recording((0.2 * wave).astype(np.float32), sample_rate)


def random_segment(
    config: SeedVCConfig,
    seed: int,
    prompt: int = 9,
    frames: int = 20,
    steps: int = 3,
    guidance: float = 0.7,
) -> ConversionSegment:
    noise = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return noise.standard_normal(shape, dtype=np.float32)

    return ConversionSegment(
        index=0,
        seed=seed,
        length=prompt + frames,
        prompt=normal(prompt, config.mel.bands),
        prompt_content=normal(prompt, config.dit.content),
        style=normal(config.dit.style),
        content=normal(frames, config.dit.content),
        steps=steps,
        guidance=guidance,
    )


def complete_goldens(folder: Path) -> Path:
    """The goldens, copied to `folder`, with random weights where the recorded ones are too large
    to keep."""
    shutil.copytree(GOLDENS, folder)
    singing = folder / "svc44k"
    (singing / "rmvpe").mkdir()
    torch.save(seeded(lambda: RMVPE(SMALL_TRACKER)).state_dict(), singing / "rmvpe" / "rmvpe.pt")
    generator = {"generator": small_vocoder(singing).state_dict()}
    torch.save(generator, singing / "bigvgan" / "bigvgan_generator.pt")
    return folder
