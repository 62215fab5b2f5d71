"""A line of a manifest, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.media.clips import NewClip


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a line does not become a clip."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Line `number` of a manifest, from 1, and what becomes of it."""

    number: int
    id: str
    content: NewClip | Rejection
