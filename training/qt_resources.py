"""Reads the binary resource files (`.rcc`) of Qt programs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

FOLDER, COMPRESSED, ZSTANDARD = 2, 1, 4


def resources(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of every file; those that Zstandard packs are left out."""
    if not content.startswith(b"qres"):
        raise ValueError("not a file of Qt resources")
    version, tree, data, names = struct.unpack_from(">4I", content, 4)
    entry = 14 if version == 1 else 22

    def name(offset: int) -> str:
        (length,) = struct.unpack_from(">H", content, names + offset)
        start = names + offset + 6
        return content[start : start + 2 * length].decode("utf-16-be")

    def walk(index: int, path: str) -> Iterator[tuple[str, bytes]]:
        place = tree + index * entry
        name_offset, flags = struct.unpack_from(">IH", content, place)
        here = f"{path}/{name(name_offset)}" if index else ""
        if flags & FOLDER:
            count, first = struct.unpack_from(">II", content, place + 6)
            for child in range(first, first + count):
                yield from walk(child, here)
        elif not flags & ZSTANDARD:
            (offset,) = struct.unpack_from(">I", content, place + 10)
            (size,) = struct.unpack_from(">I", content, data + offset)
            packed = content[data + offset + 4 : data + offset + 4 + size]
            yield here, zlib.decompress(packed[4:]) if flags & COMPRESSED else packed

    yield from walk(0, "")
