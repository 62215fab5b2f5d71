"""How torch runs in this process: threads, device, the type models compute in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from pipelines.fast_convolution.availability import work_here
from pipelines.settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class Runtime:
    device: torch.device
    dtype: torch.dtype
    """Type of the heavy layers; phases, spectra and durations are always float32."""
    convolutions: str = "plain"
    """`fast`, `plain` or `auto`, as in `PipelineSettings`."""

    @property
    def fast(self) -> bool:
        """Whether vocoders run by convolutions with fewer products. May compile one to try it."""
        if self.device.type != "cpu" or self.convolutions == "plain":
            return False
        return self.convolutions == "fast" or work_here()


def configure(settings: PipelineSettings) -> Runtime:
    """Set this process's torch threads and choose the device and type."""
    torch.set_num_threads(settings.threads)
    device = torch.device(settings.device)
    if settings.dtype == "auto":
        dtype = torch.bfloat16 if _has_bfloat16(device) else torch.float32
    else:
        dtype = getattr(torch, settings.dtype)
    return Runtime(device, dtype, settings.convolutions)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively, so that it is faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases of torch do not tell; float32 is right everywhere.
    features: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))
