"""WAV files whose chunks are not where their sizes say, as careless writers leave them.

What is mended: a size of the samples that is 0, or too small for what follows them; an odd chunk
without the byte that should make it even. Sizes beyond the end of the file are libsndfile's matter.
"""

from __future__ import annotations

import struct

_MOST_CHUNKS = 1_000


def mended(data: bytes) -> bytes:
    """A WAV file with every chunk where it should be; as it is if there is nothing to mend."""
    position, orderly, layout = 12, True, b""
    for _ in range(_MOST_CHUNKS):
        if position + 8 > len(data):
            break
        name, size = struct.unpack_from("<4sI", data, position)
        start = position + 8
        end = start + size
        if name == b"data":
            whole = end >= len(data) or _ends_at(data, end, size)
            if orderly and whole:
                return data
            return _written(layout, data[start : end if whole else None]) if layout else data
        if name == b"fmt ":
            layout = data[start:end]
        position = end + size % 2
        if size % 2 and _is_chunk(data, end) and not _is_chunk(data, position):
            position, orderly = end, False
    return data


def _ends_at(data: bytes, end: int, size: int) -> bool:
    """Whether there is nothing or another chunk behind the samples."""
    rest = len(data) - end
    return rest < 8 or any(_is_chunk(data, place) for place in {end, end + size % 2})


def _is_chunk(data: bytes, position: int) -> bool:
    """Whether a chunk may begin here: it has a name and ends within the file."""
    if position + 8 > len(data):
        return False
    name, size = struct.unpack_from("<4sI", data, position)
    # One byte more: that which makes the last chunk even is often left out.
    return all(0x20 <= byte < 0x7F for byte in name) and position + 8 + size <= len(data) + 1


def _written(layout: bytes, samples: bytes) -> bytes:
    layout += bytes(len(layout) % 2)
    chunks = struct.pack("<4s4sI", b"WAVE", b"fmt ", len(layout)) + layout
    chunks += struct.pack("<4sI", b"data", len(samples))
    return struct.pack("<4sI", b"RIFF", len(chunks) + len(samples)) + chunks + samples
