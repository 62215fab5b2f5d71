"""A small network in place of the cost model: the flow of voice conversion with random weights."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from benchmarks.batching.costs import Work
from pipelines.models.seedvc.config import DiTConfig
from pipelines.models.seedvc.dit import VelocityEstimator
from pipelines.models.seedvc.segments import ConversionSegment
from pipelines.models.seedvc.stages import SeedVCDiffusion
from pipelines.runtime.device import configure
from pipelines.settings import PipelineSettings

SMALL = DiTConfig(
    bands=16, width=32, heads=2, depth=5, content=16, style=16, long_skip=True, wavenet=None
)
LAYOUT = "packed"
PROMPT = 4


def stage() -> SeedVCDiffusion:
    torch.manual_seed(0)
    estimator = VelocityEstimator(SMALL).eval().requires_grad_(False)
    return SeedVCDiffusion(estimator, configure(PipelineSettings(dtype="float32", threads=1)))


def segment(work: Work) -> ConversionSegment:
    return ConversionSegment(
        index=0,
        seed=0,
        length=work.length,
        prompt=_normal(PROMPT, SMALL.bands),
        style=_normal(1, SMALL.style)[0],
        prompt_content=_normal(PROMPT, SMALL.content),
        content=_normal(work.length - PROMPT, SMALL.content),
        steps=work.steps,
        guidance=0.7,
    )


@lru_cache
def _normal(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32)
