"""How torch runs in this process: threads, device, the type models compute in, torchaudio."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch

from pipelines.fast_convolution.availability import work_here
from pipelines.settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class Runtime:
    device: torch.device
    dtype: torch.dtype
    """Type of the heavy layers; phases, spectra and durations are float32 whatever it is."""
    fast: bool = False
    """Whether vocoders run by convolutions with fewer products."""


def configure(settings: PipelineSettings) -> Runtime:
    """Set this process's torch threads and choose the device and type."""
    torch.set_num_threads(settings.threads)
    device = torch.device(settings.device)
    if settings.dtype == "auto":
        dtype = torch.bfloat16 if _has_bfloat16(device) else torch.float32
    else:
        dtype = getattr(torch, settings.dtype)
    return Runtime(device, dtype, _has_fast_convolutions(settings.convolutions, device))


def _has_fast_convolutions(setting: str, device: torch.device) -> bool:
    if device.type != "cpu" or setting == "plain":
        return False
    return setting == "fast" or work_here()


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively, so that it is faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases of torch do not tell; float32 is right everywhere.
    features: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def make_torchaudio_importable() -> None:
    """Make `import torchaudio` work beside a torch built for CPU only.

    The published torchaudio links its native extension to CUDA and fails to load without it. Its
    Python parts do not need the extension, so where the real one fails an inert one stands in.
    """
    try:
        importlib.import_module("torchaudio")
    except ModuleNotFoundError:
        return
    except (ImportError, OSError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        extension = ModuleType("torchaudio._extension")
        vars(extension).update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            _check_cuda_version=lambda: None,
            fail_if_no_align=lambda function: function,
        )
        sys.modules[extension.__name__] = extension
        importlib.import_module("torchaudio")
