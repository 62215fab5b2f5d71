"""Whether fast convolutions work on this machine."""

from __future__ import annotations

import logging
import platform
from functools import cache

import torch
import torch.nn.functional as F

log = logging.getLogger(__name__)

INSTRUCTIONS = ("avx2", "fma")
"""With these they were measured; elsewhere torch's own convolutions may be the faster ones."""
TOLERANCE = 1e-3


@cache
def work_here() -> bool:
    """Whether the processor is of the kind they were made for, and they give the right result.

    What is missing or fails is logged, once; the plain convolutions serve everywhere.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return _has_instructions() and _are_right()
    except Exception:  # whatever numba or LLVM raise: there is another way
        log.warning("fast convolutions are not used: they do not compile", exc_info=True)
        return False


def _has_instructions() -> bool:
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    return all(features.get(name) for name in INSTRUCTIONS)


@torch.inference_mode()
def _are_right() -> bool:
    """Whether a small convolution comes out as torch's does."""
    from pipelines.fast_convolution.activations import NormedSnake
    from pipelines.fast_convolution.blocks import BlockConvolution

    channels, steps, taps = 16, 50, 3
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(channels, channels, taps, generator=generator) / 7
    x = torch.randn(steps, channels, generator=generator)
    ones = torch.ones(channels)
    convolution = BlockConvolution(weight, None, 1, torch.float32)
    made = convolution(x, NormedSnake(ones, 0 * ones, ones))
    right = F.conv1d((x + x.sin().square()).T[None], weight, padding=1)[0].T
    error = (made - right).abs().max().item()
    if error < TOLERANCE:
        return True
    log.warning("fast convolutions are not used: one was wrong by %g", error)
    return False
