"""How torch runs in this process: threads, device, the types of numbers, torchaudio."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import torch

from pipelines.settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class Runtime:
    device: torch.device
    dtype: torch.dtype
    """Type of the heavy layers; phases, spectra and durations are float32 whatever it is."""

    @property
    def exact(self) -> Runtime:
        """The same in float32."""
        return replace(self, dtype=torch.float32)


def configure(settings: PipelineSettings) -> Runtime:
    """Set this process's torch threads and choose the device and type."""
    torch.set_num_threads(settings.threads)
    _without_tf32()
    device = torch.device(settings.device)
    if settings.dtype == "auto":
        return Runtime(device, torch.bfloat16 if _has_bfloat16(device) else torch.float32)
    return Runtime(device, getattr(torch, settings.dtype))


def _without_tf32() -> None:
    """float32 is float32 on every device.

    TF32 keeps 10 bits of each factor. What is in float32 here is so because it has to be: with 10
    bits the durations of a GPU would not be those of a CPU. What need not be is in bfloat16.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


_batched_everywhere = False


def in_blocks(x: torch.Tensor) -> bool:
    """Whether work on `x` goes member by member, in blocks that stay in the cache of a CPU.

    Elsewhere a batch is worked at as a whole: there the launches of operations cost, and their
    number must not grow with the members.
    """
    return x.device.type == "cpu" and not _batched_everywhere


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
