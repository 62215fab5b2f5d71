"""A model's folder: its files from a model hub or from a local folder, checked, all there or none.

The files of the hub are linked from its cache where the file system can, so that they take their
space once and a file that two models share is there once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipelines.settings import PipelineSettings
from pipelines.weights import hub
from pipelines.weights.manifest import FetchFailed, ModelFile, ModelFiles, Progress

DOWNLOADED = 0.85
"""Share of the whole that is done when all files are here, before they are checked."""


class Pins:
    """SHA-256 of the files whose makers state none, as this machine first saw them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def check(self, file: ModelFile, digest: str) -> None:
        """Raises FetchFailed if the file is another one than it was."""
        key = f"{file.repository or file.page}/{file.path}"
        if self._known.setdefault(key, digest) != digest:
            raise FetchFailed(
                f"{file.path} of {file.repository or file.page} is not the file that was fetched "
                f"before; if the change is right, remove its line from {self._path}."
            )

    def save(self) -> None:
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self._known, indent=1, sort_keys=True) + "\n")
        partial.replace(self._path)


def assemble(
    name: str,
    model: ModelFiles,
    settings: PipelineSettings,
    progress: Progress,
    source: Path | None,
) -> None:
    """Makes the folder of a model. For one process at a time.

    Files that are in `source` are taken from there, the others from the hub. Raises FetchFailed.
    """
    target = settings.models / name
    making = settings.models / f".{name}.partial"
    shutil.rmtree(making, ignore_errors=True)
    try:
        paths = _paths(model.files, source, settings.hub_cache, progress)
        pins = Pins(settings.checkpoints / "pins.json")
        for position, file in enumerate(model.files):
            done = position / len(model.files)
            progress(f"Checking {file.at}", DOWNLOADED + done * (1 - DOWNLOADED))
            _put(file, paths[file.at], making / file.at, pins, settings.hub_cache)
        pins.save()
        shutil.rmtree(target, ignore_errors=True)
        making.rename(target)
    except OSError as error:
        raise FetchFailed(f"The folder of {name} could not be made: {error}.") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _paths(
    files: Sequence[ModelFile], source: Path | None, cache: Path, progress: Progress
) -> dict[str, Path]:
    """Where each file is now, by its place in the model's folder; downloaded where necessary."""
    paths = _local(files, source) if source else {}
    wanted: dict[str, hub.Remote] = {}
    for file, repository in _hosted([file for file in files if file.at not in paths], source):
        if found := hub.cached(repository, file.path, cache):
            paths[file.at] = found
        else:
            wanted[file.at] = _expected(file, hub.find(repository, file.path, cache))
    total, before = sum(remote.size for remote in wanted.values()), 0
    for at, remote in wanted.items():

        def report(here: int, remote: hub.Remote = remote, before: int = before) -> None:
            megabytes = f"{here / 1e6:.0f} of {remote.size / 1e6:.0f} MB"
            text = f"Downloading {Path(remote.path).name}: {megabytes}"
            progress(text, DOWNLOADED * (before + here) / total)

        paths[at] = hub.download(remote, cache, report)
        before += remote.size
    return paths


def _local(files: Sequence[ModelFile], source: Path) -> dict[str, Path]:
    """The files that `source` has: in their place here, where they are published, or by name."""
    names = Counter(Path(file.path).name for file in files)
    found: dict[str, Path] = {}
    for file in files:
        name = Path(file.path).name
        places = [file.at, file.path, name] if names[name] == 1 else [file.at]
        for place in places:
            if (source / place).is_file():
                found.setdefault(file.at, source / place)
    return found


def _hosted(files: Sequence[ModelFile], source: Path | None) -> list[tuple[ModelFile, str]]:
    """The files with their repositories. Raises FetchFailed if there are files without."""
    hosted = [(file, file.repository) for file in files if file.repository]
    others = [f"{file.at} from {file.page}" for file in files if not file.repository]
    if others:
        where = f"which are not in {source}" if source else "which have to be downloaded by hand"
        raise FetchFailed(
            f"No model hub is known for these files, {where}: {', '.join(others)}; put them into "
            "a folder under these names and name it with --from."
        )
    return hosted


def _expected(file: ModelFile, remote: hub.Remote) -> hub.Remote:
    """Raises FetchFailed before a file of the wrong size is downloaded."""
    if file.bytes not in (None, remote.size):
        raise FetchFailed(
            f"{file.path} of {file.repository} has {remote.size} bytes on the hub instead of "
            f"{file.bytes}."
        )
    return remote


def _put(file: ModelFile, origin: Path, place: Path, pins: Pins, cache: Path) -> None:
    """Link or copy a file, and check what arrived."""
    place.parent.mkdir(parents=True, exist_ok=True)
    downloaded = origin.is_relative_to(cache)
    if downloaded:
        _link(origin.resolve(), place)
    else:
        shutil.copyfile(origin, place)
    try:
        _check(file, place, pins)
    except FetchFailed:
        if downloaded:
            hub.forget(origin)
        raise


def _link(origin: Path, place: Path) -> None:
    try:
        os.link(origin, place)
    except OSError:
        shutil.copyfile(origin, place)


def _check(file: ModelFile, path: Path, pins: Pins) -> None:
    size, digest = path.stat().st_size, _sha256(path)
    if file.bytes not in (None, size):
        raise FetchFailed(f"{file.at} has {size} bytes instead of {file.bytes}.")
    if file.sha256 is None:
        pins.check(file, digest)
    elif file.sha256 != digest:
        raise FetchFailed(
            f"{file.at} is not the expected file: its SHA-256 is {digest} instead of {file.sha256}."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
