"""Identifiers and bearer tokens."""

from __future__ import annotations

import hashlib
import re
import secrets
import time

_ID = re.compile(r"[0-9a-f]{32}")


def new_id() -> str:
    """32 hex digits: 12 of the time in ms, so that ids sort by age, and 80 random bits."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def made_at(made_id: str) -> float:
    """When an id was made, by the clock of the process that made it."""
    return int(made_id[:12], 16) / 1_000


def is_id(value: str) -> bool:
    """Whether `value` has the form of an id. Other values need no look-up."""
    return _ID.fullmatch(value) is not None


def new_token(prefix: str) -> str:
    """A bearer token of 256 random bits, `<prefix>_…`."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """SHA-256 in hex. A token is random, so a plain hash of it cannot be reversed by search."""
    return hashlib.sha256(token.encode()).hexdigest()
