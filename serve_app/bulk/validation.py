"""A manifest is validated as a whole before anything of it starts."""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from serve_app.media.batches.lines import Rejection
from serve_app.media.batches.manifest import ManifestLine

MAX_PROBLEMS = 100
"""Problems that are kept. All are counted."""


@dataclass(slots=True)
class Validated:
    """How many lines there are, and what is wrong with them."""

    lines: int = 0
    invalid: int = 0
    problems: list[tuple[ManifestLine, Rejection]] = field(default_factory=list)


class LineIds:
    """Finds ids that come twice: 8 bytes of a hash in an open-addressed table, 13 to 32 bytes for
    each line. Two of a million different ids collide with a probability of 3e-8. The hash has a key
    that nobody knows: chosen ids would else all meet in one part of the table."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._slots = array("Q", bytes(8 * 1024))
        self._count = 0

    def add(self, line_id: str) -> bool:
        """Whether the id is new."""
        digest = blake2b(line_id.encode(), digest_size=8, key=self._key).digest()
        if 3 * self._count >= 2 * len(self._slots):
            self._grow()
        return self._put(int.from_bytes(digest) or 1)

    def _put(self, value: int) -> bool:
        slots, mask = self._slots, len(self._slots) - 1
        at = value & mask
        while slots[at]:
            if slots[at] == value:
                return False
            at = (at + 1) & mask
        slots[at] = value
        self._count += 1
        return True

    def _grow(self) -> None:
        earlier = self._slots
        self._slots = array("Q", bytes(8 * 2 * len(earlier)))
        self._count = 0
        for value in earlier:
            if value:
                self._put(value)


def validate(
    lines: Iterable[ManifestLine],
    check: Callable[[ManifestLine], Rejection | None],
    stop: Callable[[], bool] = lambda: False,
) -> Validated:
    """Checks every line, and that no id comes twice. Ends early where `stop` says so."""
    found, ids = Validated(), LineIds()
    for line in lines:
        if stop():
            break
        found.lines += 1
        new = ids.add(line.id)
        why = check(line) or (None if new else duplicate(line))
        if why is not None:
            found.invalid += 1
            if len(found.problems) < MAX_PROBLEMS:
                found.problems.append((line, why))
    return found


def duplicate(line: ManifestLine) -> Rejection:
    message = f"An earlier line has the id {line.id}."
    return Rejection("duplicate_id", message, "id")
