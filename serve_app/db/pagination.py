"""Pages of long lists by cursor. A cursor holds the sort key of the last item seen, so rows that
are added or removed between two requests neither repeat nor hide others."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from serve_app.errors import ApiError, invalid

T = TypeVar("T")
_MAX_LENGTH = 200
_MAX_NUMBER = 2**63


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next_cursor` is None on the last page."""

    items: list[T]
    next_cursor: str | None


def encode_cursor(*key: float | str) -> str:
    """An opaque, URL-safe form of a sort key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """The sort key in `cursor`, whose parts must be of `kinds`. Raises ApiError 422 for anything
    else."""
    if len(cursor) > _MAX_LENGTH:
        raise _not_a_cursor()
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except ValueError:
        raise _not_a_cursor() from None
    if not isinstance(key, list) or [type(part) for part in key] != list(kinds):
        raise _not_a_cursor()
    if not all(_storable(part) for part in key):
        raise _not_a_cursor()
    return tuple(key)


def _storable(part: float | str) -> bool:
    """Whether a database accepts the value: cursors come from outside."""
    if isinstance(part, str):
        return part.isalnum() and part.isascii()
    return math.isfinite(part) and abs(part) < _MAX_NUMBER


def _not_a_cursor() -> ApiError:
    return invalid("cursor", "This is not a cursor of this list; leave it out for the first page.")
