"""The code that the authors of the models published, as far as the package index has it.

Only its networks are used. What the modules around them import besides is not needed and is not
installed; inert things stand in for it.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import MagicMock, patch

import torch
from torch import nn
from torch.nn.utils import remove_spectral_norm, remove_weight_norm

PACKAGES = ("styletts2", "kokoro", "bigvgan", "audioldm", "einops", "einops_exts")
INSTALL = "pip install --no-deps styletts2 kokoro bigvgan audioldm einops einops-exts"
AFFINE_OF_A_NORM = re.compile(r"norm\d?\.norm\.|adain\d\.\d+\.norm\.")
NOT_NEEDED = (
    "audioldm.utils",
    "bigvgan.meldataset",
    "matplotlib",
    "matplotlib.pylab",
    "munch",
    "omegaconf",
    "omegaconf.listconfig",
    "styletts2.Modules.discriminators",
    "styletts2.Utils.ASR.models",
    "styletts2.Utils.JDC.model",
)


def missing() -> list[str]:
    """Packages that are not installed."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def published(name: str) -> Any:
    """The module of this name, without running `__init__` of the package that it is in."""
    package = name.partition(".")[0]
    if package not in sys.modules:
        spec = importlib.util.find_spec(package)
        assert spec is not None, INSTALL
        sys.modules[package] = importlib.util.module_from_spec(spec)
    return importlib.import_module(name)


def taught(reference: nn.Module, ours: nn.Module) -> nn.Module:
    """The reference with our weights, ready to infer; its weight and spectral norms are folded.

    Raises ValueError if a name or shape differs. Affine pairs of its instance norms, which we do
    not have, hold 1 and 0.
    """
    for module in reference.modules():
        if hasattr(module, "weight_g"):
            remove_weight_norm(module)
        if hasattr(module, "weight_orig"):
            remove_spectral_norm(module)
    theirs = dict([*reference.named_parameters(), *reference.named_buffers()])
    weights = ours.state_dict()
    differing = {
        name for name in theirs.keys() ^ weights.keys() if not AFFINE_OF_A_NORM.search(name)
    }
    if differing:
        raise ValueError(f"not the same network: {sorted(differing)}")
    with torch.no_grad():
        for name, weight in weights.items():
            theirs[name].copy_(weight)
    return reference.eval().requires_grad_(False)


@contextmanager
def at_rest() -> Iterator[None]:
    """What the reference draws at random is zero, and nobody misses what is `NOT_NEEDED`."""
    inert = {name: MagicMock(name=name) for name in NOT_NEEDED if name not in sys.modules}
    with (
        patch.dict(sys.modules, inert),
        patch.object(torch, "rand", torch.zeros),
        patch.object(torch, "randn_like", torch.zeros_like),
    ):
        yield
