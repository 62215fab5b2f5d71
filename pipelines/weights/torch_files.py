"""Reads PyTorch checkpoint files (`.pth`, `.pt`, `.ckpt`) without executing anything from them.

A checkpoint is a pickle, and a pickle may call whatever it can import. Here it can import nothing:
the only names that mean something are those in `KNOWN`; every other name becomes `StandIn`, which
swallows its arguments. Unpickling therefore yields plain data in which tensors are descriptions;
these are checked against the file and given storage afterwards. `pipelines.weights.state_dicts`
continues from there.

Both layouts that `torch.save` has written by default are read: the zip archive (since 1.6) and the
older sequence of pickles. Storages are mapped copy-on-write: unused parts of a file cost nothing.
"""

from __future__ import annotations

import io
import mmap
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001

STORAGE_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class CheckpointError(ValueError):
    """A checkpoint file cannot be read, or does not fit the model it is meant for."""


class StandIn:
    """Takes the place of anything the checkpoint names that is not known here. Keeps nothing.

    The methods are those through which a pickle fills the objects it makes.
    """

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        pass

    def __call__(self, *_args: object, **_kwargs: object) -> StandIn:
        return self

    def __setstate__(self, _state: object) -> None:
        pass

    def __setitem__(self, _key: object, _value: object) -> None:
        pass

    def append(self, _item: object) -> None:
        pass

    def extend(self, _items: object) -> None:
        pass

    def add(self, _item: object) -> None:
        pass


class _Inert:
    """The base of our objects in a pickle: any state that the pickle sets is dropped."""

    def __setstate__(self, _state: object) -> None:
        pass


class _Dict(_Inert, OrderedDict[Any, Any]):
    """`OrderedDict` without the attributes (`_metadata`) that torch adds to state dicts."""


@dataclass(frozen=True)
class _Storage(_Inert):
    key: str
    dtype: torch.dtype
    elements: int


@dataclass(frozen=True)
class _StorageType(_Inert):
    dtype: torch.dtype


@dataclass(frozen=True, eq=False)
class _TensorRecord(_Inert):
    """A tensor as the pickle describes it, unchecked: offset, size and stride in elements."""

    storage: Any
    offset: Any
    size: Any
    stride: Any


class _RebuildTensor(_Inert):
    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
        return _TensorRecord(storage, offset, size, stride)


class _RebuildParameter(_Inert):
    def __call__(self, data: Any, *_: Any) -> Any:
        return data


KNOWN: Mapping[tuple[str, str], object] = {
    ("collections", "OrderedDict"): _Dict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _RebuildTensor(),
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    **{("torch", name): _StorageType(dtype) for name, dtype in STORAGE_DTYPES.items()},
}

Lookup = Callable[[_Storage], Tensor]
"""The elements of a storage, `[elements]`."""


def read_torch(path: Path) -> Any:
    """The object stored in a checkpoint file, with its tensors on the CPU.

    Plain containers, numbers, strings and tensors come back as they were; anything else is a
    `StandIn`. Tensors share the file's pages until they are written to. Raises `CheckpointError`
    if the file is not a checkpoint, is damaged, or describes tensors that it does not hold.
    """
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            read = _read_archive if zipfile.is_zipfile(file) else _read_legacy
            file.seek(0)
            tree, lookup = read(file, data)
            return _TensorBuilder(lookup).convert(tree)
    except CheckpointError as error:
        raise CheckpointError(f"{path.name}: {error}") from error
    except OSError:
        raise
    except Exception as error:
        # A damaged or hostile pickle can make the unpickler raise nearly anything.
        raise CheckpointError(f"{path.name} is not a readable checkpoint: {error}") from error


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled: bytes) -> None:
        super().__init__(io.BytesIO(pickled))
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        return KNOWN.get((module, name), StandIn)

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", _StorageType(dtype), str(key), _, int(elements), *view) if (
                elements >= 0 and view in ([], [None])
            ):
                return self.storages.setdefault(key, _Storage(key, dtype, elements))
        raise CheckpointError("a storage is described in an unknown way")


def _unpickler(stream: BinaryIO) -> _Unpickler:
    """For the pickle that begins where `stream` stands; `stream` is left behind its end."""
    start = stream.tell()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        # The unpickler allocates its memo up to the largest index, however absurd that is.
        if opcode.name in {"PUT", "BINPUT", "LONG_BINPUT"} and int(argument or 0) > count:
            raise CheckpointError("the memo of the pickle is not numbered in order")
    end = stream.tell()
    stream.seek(start)
    return _Unpickler(stream.read(end - start))


def _read_archive(file: BinaryIO, data: mmap.mmap) -> tuple[Any, Lookup]:
    """One pickle, `data.pkl`, and one uncompressed entry `data/<key>` for each storage."""
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}
    roots = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise CheckpointError("a zip archive, but not one of a checkpoint")

    def span(name: str) -> slice:
        info = entries.get(roots[0] + name)
        if info is None:
            raise CheckpointError(f"the archive lacks {name}")
        if info.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(f"{name} is compressed, which nothing in a checkpoint is")
        # The local header is 30 bytes, then the name and the extra field that aligns the data.
        name_bytes, extra_bytes = struct.unpack_from("<HH", data, info.header_offset + 26)
        start = info.header_offset + 30 + name_bytes + extra_bytes
        return slice(start, start + info.file_size)

    if roots[0] + "byteorder" in entries and data[span("byteorder")] != b"little":
        raise CheckpointError("only little-endian checkpoints are read")
    tree = _unpickler(io.BytesIO(data[span("data.pkl")])).load()
    return tree, lambda storage: _elements(data, span(f"data/{storage.key}"), storage)


def _read_legacy(file: BinaryIO, data: mmap.mmap) -> tuple[Any, Lookup]:
    """Pickles of magic number, version, system, object and storage keys; then the storages.

    Each storage is its count of elements (8 bytes) and the elements, in the order of the keys.
    """
    if _unpickler(file).load() != LEGACY_MAGIC or _unpickler(file).load() != LEGACY_PROTOCOL:
        raise CheckpointError("neither a zip archive nor an older checkpoint")
    system = _unpickler(file).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError("only little-endian checkpoints are read")
    unpickler = _unpickler(file)
    tree = unpickler.load()
    keys = _unpickler(file).load()

    spans: dict[str, slice] = {}
    position = file.tell()
    for key in keys:
        (count,) = struct.unpack_from("<q", data, position)
        start = position + 8
        position = start + count * unpickler.storages[key].dtype.itemsize
        spans[key] = slice(start, position)
    return tree, lambda storage: _elements(data, spans[storage.key], storage)


def _elements(data: mmap.mmap, span: slice, storage: _Storage) -> Tensor:
    size = storage.elements * storage.dtype.itemsize
    if size > span.stop - span.start or span.stop > len(data):
        raise CheckpointError(f"storage {storage.key} is cut off")
    if size == 0:
        return torch.empty(0, dtype=storage.dtype)
    if span.start % storage.dtype.itemsize:
        aligned = bytearray(data[span.start : span.start + size])
        return torch.frombuffer(aligned, dtype=storage.dtype)
    return torch.frombuffer(data, dtype=storage.dtype, count=storage.elements, offset=span.start)


class _TensorBuilder:
    """Copies a tree of plain containers with tensors in place of their records."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._storages: dict[_Storage, Tensor] = {}
        self._done: dict[int, Any] = {}

    def convert(self, node: Any) -> Any:
        """Each node is converted once: a pickle can share nodes, and even contain itself."""
        if id(node) in self._done:
            return self._done[id(node)]
        result: Any = node
        if isinstance(node, dict):
            result = self._done[id(node)] = {}
            result.update((self.convert(key), self.convert(value)) for key, value in node.items())
        elif isinstance(node, list):
            result = self._done[id(node)] = []
            result.extend(self.convert(item) for item in node)
        elif isinstance(node, tuple | set | frozenset):
            result = type(node)(self.convert(item) for item in node)
        elif isinstance(node, _TensorRecord):
            result = self._tensor(node)
        elif isinstance(node, _Inert):
            result = StandIn()
        self._done[id(node)] = result
        return result

    def _tensor(self, record: _TensorRecord) -> Tensor:
        storage, offset, size, stride = record.storage, record.offset, record.size, record.stride
        sound = (
            isinstance(storage, _Storage)
            and isinstance(size, tuple)
            and isinstance(stride, tuple)
            and len(size) == len(stride)
            and all(isinstance(number, int) and number >= 0 for number in (offset, *size, *stride))
        )
        if not sound:
            raise CheckpointError("a tensor is described in an unknown way")
        last = offset + sum((extent - 1) * step for extent, step in zip(size, stride, strict=True))
        count = 1
        for extent in size:
            count *= extent
        if count and (last >= storage.elements or count > storage.elements):
            raise CheckpointError(f"a tensor of shape {list(size)} does not fit its storage")
        if storage not in self._storages:
            self._storages[storage] = self._lookup(storage)
        return self._storages[storage].as_strided(size, stride, offset)
