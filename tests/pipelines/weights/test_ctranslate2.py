from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from pipelines.weights.ctranslate2 import read_tensors
from pipelines.weights.torch_files import CheckpointError

TENSORS = {
    "encoder/weight": np.arange(6, dtype=np.float16).reshape(2, 3),
    "encoder/scale": np.array(0.5, np.float32),
    "decoder/weight": np.ones(4, np.int8),
}
KINDS = {"float16": 4, "float32": 0, "int8": 1}


def text(words: str) -> bytes:
    return struct.pack("<H", len(words) + 1) + words.encode() + b"\0"


def model(version: int = 6) -> bytes:
    parts = [struct.pack("<I", version), text("WhisperSpec"), struct.pack("<II", 3, len(TENSORS))]
    for name, array in TENSORS.items():
        parts += [text(name), struct.pack("<B", array.ndim)]
        parts += [struct.pack("<I", size) for size in array.shape]
        parts += [struct.pack("<BI", KINDS[array.dtype.name], array.nbytes), array.tobytes()]
    return b"".join([*parts, struct.pack("<I", 0)])


def test_ctranslate2_tensors_of_one_part_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(model())
    found = read_tensors(path, "encoder/")
    assert list(found) == ["weight", "scale"]
    np.testing.assert_array_equal(found["weight"], TENSORS["encoder/weight"])
    assert found["scale"] == 0.5


@pytest.mark.parametrize("content", [model(version=5), model()[:60], b"", b"not a model at all"])
def test_ctranslate2_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.bin"):
        read_tensors(path, "encoder/")
