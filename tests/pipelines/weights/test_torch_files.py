"""Checkpoint files are data: everything torch saves is read, nothing a pickle asks for is done."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pipelines.weights.torch_files import CheckpointError, StandIn, read_torch
from tests.pipelines.models.makeanaudio.goldens import folder

GOLDENS = folder()
LAYOUTS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(same(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list | tuple):
        return type(ours) is type(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, torch.Tensor):
        return ours.dtype == theirs.dtype and torch.equal(ours, theirs)
    return bool(ours == theirs)


@LAYOUTS
def test_read_torch_everything_plain_comes_back(tmp_path: Path, zipped: bool) -> None:
    shared = torch.arange(12.0).reshape(3, 4)
    saved = {
        "state_dict": OrderedDict(nn.Conv1d(2, 3, 5).state_dict()),
        "views": [shared, shared.t(), shared[1:, 2]],
        "dtypes": tuple(
            torch.tensor([0, 1, 2]).to(dtype)
            for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.bool)
        ),
        "odd": [torch.tensor([True] * 3), torch.tensor(1.5), torch.empty(0, 4)],
        "parameter": nn.Parameter(torch.ones(2)),
        "values": {"epoch": 3, "loss": 0.25, "name": "ü", "none": None, 7: [True, -1]},
    }
    path = tmp_path / "saved.pt"
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)
    assert same(read_torch(path), saved)


@LAYOUTS
def test_read_torch_views_keep_sharing_their_storage(tmp_path: Path, zipped: bool) -> None:
    values = torch.zeros(6)
    torch.save([values, values[2:]], tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    whole, part = read_torch(tmp_path / "x.pt")
    part += 1
    assert whole.tolist() == [0, 0, 1, 1, 1, 1]
    assert torch.equal(read_torch(tmp_path / "x.pt")[0], values), "the file itself is not written"


@pytest.mark.parametrize("name", ["maa1_full.ckpt", "bigvgan/best_netG.pt"])
def test_read_torch_equals_torch_on_real_layouts(name: str) -> None:
    path = GOLDENS / "useful_ckpts" / name
    assert same(read_torch(path), torch.load(path, weights_only=True))


def test_read_torch_classes_that_are_not_installed_do_not_matter() -> None:
    path = GOLDENS / "extras" / "lightning_foreign_global.ckpt"
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    state = read_torch(path)["state_dict"]
    assert state
    assert all(isinstance(value, torch.Tensor) for value in state.values())


class Foreign:
    """Pickles by every means a class has: state, items, arguments."""

    def __init__(self) -> None:
        self.tensor = torch.ones(1)


class ForeignList(list[int]):
    pass


class ForeignDict(dict[str, int]):
    pass


@LAYOUTS
def test_read_torch_foreign_objects_become_stand_ins(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "x.pt"
    foreign = [Foreign(), ForeignList([1]), ForeignDict(a=1), Foreign, {1, 2}, torch.float32]
    torch.save(
        {"foreign": foreign, "x": torch.ones(2)}, path, _use_new_zipfile_serialization=zipped
    )
    read = read_torch(path)
    assert torch.equal(read["x"], torch.ones(2))
    assert not any(isinstance(item, Foreign | list | dict) for item in read["foreign"])


def archive(path: Path, pickled: bytes, storages: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/data.pkl", pickled)
        for key, content in (storages or {}).items():
            file.writestr(f"x/data/{key}", content)
    return path


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def hostile(marker: Path) -> dict[str, bytes]:
    touch = f"touch {marker}"
    python = f"open({str(marker)!r}, 'w')"
    by_name = b"c%s\n%s\n"
    call = b"(V" + touch.encode() + b"\ntR."
    return {
        "os.system": pickle.dumps(Calls(os.system, touch)),
        "eval": pickle.dumps(Calls(eval, python)),
        "exec": pickle.dumps(Calls(exec, python)),
        "getattr chain": pickle.dumps(Calls(getattr, Calls(__import__, "os"), "system"))[:-1]
        + call,
        "dotted name": b"\x80\x04\x8c\x05torch\x8c\x16serialization.os.system\x93" + call,
        "through a known module": by_name % (b"torch._utils", b"sys.modules") + call,
        "instance opcode": b"(V" + touch.encode() + b"\nios\nsystem\n.",
        "state of a callable": by_name % (b"torch._utils", b"_rebuild_tensor_v2")
        + b"}V__call__\n"
        + by_name % (b"os", b"system")
        + b"sb"
        + call,
        "module load": pickle.dumps(Calls(torch.load, str(marker))),
    }


@pytest.mark.parametrize("kind", list(hostile(Path("x"))))
def test_read_torch_nothing_is_executed(tmp_path: Path, kind: str) -> None:
    marker = tmp_path / "executed"
    path = archive(tmp_path / "x.pt", hostile(marker)[kind])
    try:
        read = read_torch(path)
    except CheckpointError:
        read = StandIn()
    assert isinstance(read, StandIn)
    assert not marker.exists()
    assert read_torch(GOLDENS / "useful_ckpts" / "bigvgan" / "best_netG.pt")["generator"]


def tensor_pickle(size: object, stride: object, *, offset: object = 0, elements: int = 4) -> bytes:
    """A tensor over storage "0", described as given."""

    class Rebuild:
        def __reduce__(self) -> Any:
            storage = Persistent(("storage", torch.FloatStorage, "0", "cpu", elements))
            return (torch._utils._rebuild_tensor_v2, (storage, offset, size, stride, False, {}))

    class Persistent(tuple[object, ...]):
        def __new__(cls, items: tuple[object, ...]) -> Persistent:
            return super().__new__(cls, items)

    class Pickler(pickle.Pickler):
        def persistent_id(self, item: Any) -> Any:
            return tuple(item) if isinstance(item, Persistent) else None

    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump(Rebuild())
    return stream.getvalue()


HUGE = 1 << 60


@pytest.mark.parametrize(
    "pickled",
    [
        tensor_pickle((5,), (1,)),
        tensor_pickle((2,), (4,)),
        tensor_pickle((4,), (1,), offset=1),
        tensor_pickle((4,), (1,), offset=-1),
        tensor_pickle((-4,), (1,)),
        tensor_pickle((4,), (-1,)),
        tensor_pickle((HUGE,), (0,)),
        tensor_pickle((HUGE, HUGE), (1, 1)),
        tensor_pickle((4,), (1,), elements=HUGE),
        tensor_pickle((4,), (1,), elements=-1),
        tensor_pickle((4,), (1, 1)),
        tensor_pickle("four", (1,)),
        tensor_pickle((4,), None),
        b"(lr\xff\xff\xff\x7f.",  # memo index of two thousand million
        b"\x8e" + struct.pack("<Q", HUGE) + b".",  # bytes of that length
        b"\x95" + struct.pack("<Q", HUGE) + b"N.",  # frame of that length
        b"\x80\x04" + b"(" * 100_000 + b"t" * 100_000 + b".",
        b"",
        b"\x80\x02",
    ],
)
def test_read_torch_impossible_sizes_are_refused(tmp_path: Path, pickled: bytes) -> None:
    path = archive(tmp_path / "x.pt", pickled, {"0": bytes(16)})
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        read_torch(path)


def test_read_torch_sound_tensor_is_read(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "x.pt", tensor_pickle((2, 2), (2, 1)), {"0": struct.pack("<4f", *range(4))}
    )
    assert read_torch(path).tolist() == [[0, 1], [2, 3]]


def test_read_torch_container_may_hold_itself(tmp_path: Path) -> None:
    loop: list[Any] = [1]
    loop.append((loop,))
    read = read_torch(archive(tmp_path / "x.pt", pickle.dumps(loop, protocol=2)))
    assert read[0] == 1
    assert read[1][0] is read


def test_read_torch_newer_pickles_are_read_too(tmp_path: Path) -> None:
    saved = {"set": {1, (2, 3)}, "frozen": frozenset("ab"), "bytes": b"raw", "long": "x" * 300}
    path = archive(tmp_path / "x.pt", pickle.dumps([saved, Foreign, {4}], protocol=5))
    read = read_torch(path)
    assert read[0] == saved
    assert read[1:] == [StandIn, {4}]


def test_read_torch_compressed_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x/data.pkl", pickle.dumps({"a": 1}))
    with pytest.raises(CheckpointError, match="compressed"):
        read_torch(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02}q\x00.", bytes(1000)])
def test_read_torch_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        read_torch(tmp_path / "x.pt")


def test_read_torch_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_torch(tmp_path / "none.pt")


@LAYOUTS
@settings(deadline=None)
@given(cut=st.floats(0, 0.999), flips=st.lists(st.integers(0, 10**6), max_size=3))
def test_read_torch_damage_is_an_error_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, zipped: bool, cut: float, flips: list[int]
) -> None:
    path = tmp_path_factory.mktemp("damage") / "x.pt"
    torch.save({"a": torch.arange(50.0)}, path, _use_new_zipfile_serialization=zipped)
    content = bytearray(path.read_bytes())
    for flip in flips:
        content[flip % len(content)] ^= 0x55
    path.write_bytes(content[: round(len(content) * cut)] if not flips else content)
    try:
        read_torch(path)
    except CheckpointError as error:
        assert "x.pt" in str(error)  # noqa: PT017
    else:
        assert flips
