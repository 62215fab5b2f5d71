"""How torch runs in this process: threads, device, the types of numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from pipelines.fast_convolution.availability import work_here
from pipelines.runtime.graphs import MIB, Capturer, Capturing, CudaCapturer
from pipelines.settings import GraphSettings, PipelineSettings
from pipelines.threads import use_threads

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runtime:
    device: torch.device
    dtype: torch.dtype
    """Type of the heavy layers; phases, spectra and durations are always float32."""
    convolutions: str = "plain"
    """`fast`, `plain` or `auto`, as in `PipelineSettings`."""
    graphs: Capturing | None = None
    """How the network of a stage is captured, if it is."""

    @property
    def fast(self) -> bool:
        """Whether vocoders run by convolutions with fewer products. May compile one to try it."""
        if self.device.type != "cpu" or self.convolutions == "plain":
            return False
        return self.convolutions == "fast" or work_here()

    @property
    def exact(self) -> Runtime:
        """The same in float32."""
        return replace(self, dtype=torch.float32)


def configure(settings: PipelineSettings) -> Runtime:
    """Set this process's torch threads and choose the device and type."""
    use_threads(settings.threads)
    _without_tf32()
    device = torch.device(settings.device)
    if settings.dtype == "auto":
        dtype = torch.bfloat16 if _has_bfloat16(device) else torch.float32
    else:
        dtype = getattr(torch, settings.dtype)
    return Runtime(device, dtype, settings.convolutions, _graphs(settings.graphs, device))


def _graphs(settings: GraphSettings, device: torch.device) -> Capturing | None:
    if settings.memory_mb == 0:
        return None
    if device.type not in CAPTURERS:
        log.warning("nothing is captured as graphs on the device %s", device)
        return None
    capturer = CAPTURERS[device.type](device)
    return Capturing(capturer, settings.memory_mb * MIB, settings.max_batch, settings.max_length)


CAPTURERS: dict[str, Callable[[torch.device], Capturer]] = {"cuda": CudaCapturer}
"""By kind of device."""


def _without_tf32() -> None:
    """float32 is float32 on every device.

    TF32 keeps 10 bits of each factor. What is in float32 here is so because it has to be: with 10
    bits the durations of a GPU would not be those of a CPU. What need not be is in bfloat16.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


_batched_everywhere = False


def in_blocks(on: torch.Tensor | torch.device) -> bool:
    """Whether work there goes member by member, in blocks that stay in the cache of a CPU.

    Elsewhere a batch is worked at as a whole: there the launches of operations cost, and their
    number must not grow with the members.
    """
    device = on if isinstance(on, torch.device) else on.device
    return device.type == "cpu" and not _batched_everywhere


@contextmanager
def batched_everywhere() -> Iterator[None]:
    """Works at whole batches on a CPU too: the way of a GPU, so that it can be compared there."""
    global _batched_everywhere
    before, _batched_everywhere = _batched_everywhere, True
    try:
        yield
    finally:
        _batched_everywhere = before


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively, so that it is faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if torch.backends.cpu.get_cpu_capability() == "AVX2":
        return False  # ATEN_CPU_CAPABILITY may keep a newer processor to it
    # Older releases of torch do not tell; float32 is right everywhere.
    features: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))
