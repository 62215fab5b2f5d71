"""MiniLM as it is published, made ready for use here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

UNUSED = ("pooler.", "embeddings.position_ids")
"""Prefixes of tensors that have no effect on the vectors of the tokens."""


def convert(source: Path) -> dict[str, NDArray[np.float16]]:
    """The tensors of the published safetensors file that are used, float16."""
    return {
        name: tensor.astype(np.float16)
        for name, tensor in load_file(source).items()
        if not name.startswith(UNUSED)
    }
