"""How torch runs in this process: threads, device, the type models compute in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from pipelines.settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class Runtime:
    device: torch.device
    dtype: torch.dtype
    """Type of the heavy layers; phases, spectra and durations are always float32."""


def configure(settings: PipelineSettings) -> Runtime:
    """Set this process's torch threads and choose the device and type."""
    torch.set_num_threads(settings.threads)
    device = torch.device(settings.device)
    if settings.dtype == "auto":
        return Runtime(device, torch.bfloat16 if _has_bfloat16(device) else torch.float32)
    return Runtime(device, getattr(torch, settings.dtype))


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively, so that it is faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases of torch do not tell; float32 is right everywhere.
    features: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))
