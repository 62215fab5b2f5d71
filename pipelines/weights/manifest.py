"""What weights there are: the entries of `checkpoints/manifest.toml`.

Weights come in one of two ways. Packages of a Python index hold the parts of one file
(`PackagedWeights`); the files of a model hub make up a model's folder (`ModelFiles`). A model may
also be made of other entries (`Parts`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Progress = Callable[[str, float], None]
"""Told what is being done and how much of the whole is done, 0 to 1."""


class WeightsMissing(RuntimeError):
    """A model's weights are not installed; the message names the command that installs them."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The weights of {name!r} are not installed. Run: bernie fetch {name}")


class FetchFailed(RuntimeError):
    """Weights could not be downloaded, or are not what the manifest says."""


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """One file in parts, each in a package of its own; see the comments in the manifest."""

    title: str
    licence: str
    file: str
    requirements: tuple[str, ...]
    member: str
    """Name of the part in its package; `*` stands for anything."""
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model. Where its makers state no size or SHA-256, `None`."""

    at: str
    """Its place in the model's folder."""
    path: str
    """Its place where it is published."""
    licence: str
    repository: str | None = None
    """On the model hub; `None` if it is not on one."""
    page: str | None = None
    """Where to download it by hand, if it is not on a hub."""
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of one model."""

    title: str
    files: tuple[ModelFile, ...]

    def complete(self, folder: Path) -> bool:
        return all((folder / file.at).is_file() for file in self.files)


@dataclass(frozen=True, slots=True)
class Parts:
    """A model that runs on the weights of other entries, and on what ships."""

    title: str
    parts: tuple[str, ...]


Entry = PackagedWeights | ModelFiles | Parts


def read_manifest(path: Path) -> dict[str, Entry]:
    """All weights that can be fetched, by name."""
    with path.open("rb") as file:
        return {name: _entry(fields) for name, fields in tomllib.load(file).items()}


def _entry(fields: dict[str, Any]) -> Entry:
    if "files" in fields:
        files = tuple(ModelFile(**file) for file in fields["files"])
        return ModelFiles(**{**fields, "files": files})
    if "parts" in fields:
        return Parts(fields["title"], tuple(fields["parts"]))
    return PackagedWeights(**{**fields, "requirements": tuple(fields["requirements"])})
