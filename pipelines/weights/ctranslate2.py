"""Reads the tensors of a CTranslate2 model file, without that library.

The format (version 6): a header, then for each tensor its name, shape, type and bytes, all little
endian; a string is its length with the final zero, in two bytes, and its bytes.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.weights.torch_files import CheckpointError

VERSION = 6
TYPES: dict[int, type[np.generic]] = {
    0: np.float32,
    1: np.int8,
    2: np.int16,
    3: np.int32,
    4: np.float16,
}


def read_tensors(path: Path, prefix: str) -> dict[str, NDArray[Any]]:
    """The tensors whose names begin with `prefix`, without it. Raises CheckpointError."""
    reader = _Reader(path.read_bytes())
    try:
        if reader.number("I") != VERSION:
            raise CheckpointError(f"{path.name} is no CTranslate2 file of version {VERSION}")
        reader.text()
        reader.number("I")
        found = {}
        for _ in range(reader.number("I")):
            name, array = reader.tensor()
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] = array
    except (struct.error, KeyError, ValueError) as error:
        raise CheckpointError(f"{path.name} is damaged") from error
    return found


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, kind: str) -> int:
        [value] = struct.unpack_from(f"<{kind}", self._data, self._at)
        self._at += struct.calcsize(f"<{kind}")
        return int(value)

    def text(self) -> str:
        return self._take(self.number("H"))[:-1].decode()

    def tensor(self) -> tuple[str, NDArray[Any]]:
        name = self.text()
        shape = [self.number("I") for _ in range(self.number("B"))]
        kind = np.dtype(TYPES[self.number("B")])
        values = np.frombuffer(self._take(self.number("I")), kind)
        return name, values.reshape(shape)

    def _take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) != size:
            raise ValueError("the file ends too early")
        self._at += size
        return taken
