"""The recorded set, unpacked once for all tests of a session."""

from __future__ import annotations

import atexit
import json
import lzma
import shutil
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[3] / "goldens" / "make_an_audio"


@cache
def folder() -> Path:
    """Where the checkpoint, its configuration and the recorded tensors lie."""
    unpacked = Path(tempfile.mkdtemp(prefix="make-an-audio-"))
    atexit.register(shutil.rmtree, unpacked, ignore_errors=True)
    with tarfile.open(SOURCE / "set.tar.xz") as archive:
        archive.extractall(unpacked, filter="data")
    return unpacked


def full_keys() -> dict[str, Any]:
    """Names and shapes of the official checkpoints, by file and part."""
    with lzma.open(SOURCE / "full_keys.json.xz") as file:
        listing: dict[str, Any] = json.load(file)
    return listing
