"""A line of a manifest, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from serve_app.errors import invalid
from serve_app.media.clips import NewClip
from serve_app.settings import SERVICES

_NAMES = {**{name: name for name in SERVICES}, **{name: key for key, name in SERVICES.items()}}


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a line does not become a clip."""

    code: str
    message: str
    field: str | None = None
    missing: bool = False
    """Whether the line lacks the field."""


@dataclass(frozen=True, slots=True)
class Line:
    """Line `number` of a manifest, from 1, and what becomes of it."""

    number: int
    id: str
    content: NewClip | Rejection


def service_of(name: Any, field: str = "service") -> str:
    """The service that a line calls by this name. Raises ApiError 422."""
    found = None
    if isinstance(name, str):
        found = _NAMES.get(name) or _NAMES.get(name.replace("-", "_"))
    if found is None:
        raise invalid(field, f"{field} must be speech, conversion or sound_effects.")
    return found


def beside(name: Any) -> str | None:
    """The path of a recording beside its manifest, or in a folder there; None for another."""
    path = PurePosixPath(name) if isinstance(name, str) and name else None
    if path is None or path.is_absolute() or ".." in path.parts or "\0" in str(path):
        return None
    return str(path)
