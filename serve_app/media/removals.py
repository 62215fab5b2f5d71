"""Removes rows whose objects are to go first, page by page, the oldest first.

What cannot be removed (an object under a legal hold, a key that is denied) is passed over: it comes
again with the next round, and keeps nothing behind it from being removed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from serve_app.storage.store_errors import StoreUnavailable

logger = logging.getLogger("bernie.sweep")

T = TypeVar("T")

Position = tuple[float, str]
"""A time and an id: the order that rows of one kind are removed in."""
START: Position = (-1.0, "")
PAGE_SIZE = 100
_PAGES = 10
_OUTAGE = 3
"""So many in a row that the store does not answer for, and the rest is left to the next round."""


class Removals:
    """Where the removal of each kind goes on: a round that is cut short is not begun anew."""

    def __init__(self, stop: Callable[[], bool] = lambda: False) -> None:
        """`stop` is asked before each row."""
        self._stop = stop
        self._after: dict[str, Position] = {}

    def each(
        self,
        kind: str,
        page: Callable[[Position], Sequence[T]],
        position: Callable[[T], Position],
        remove: Callable[[T], None],
    ) -> None:
        """Removes what `page` finds behind a position, `PAGE_SIZE` rows at most at a time."""
        after = self._after.pop(kind, START)
        failed, silent = 0, 0
        for _ in range(_PAGES):
            rows = page(after)
            for row in rows:
                if self._stop() or silent == _OUTAGE:
                    self._after[kind] = after
                    return
                after = position(row)
                try:
                    remove(row)
                except Exception as error:
                    failed += 1
                    silent = silent + 1 if isinstance(error, StoreUnavailable) else 0
                    if failed == 1:
                        logger.warning("a %s cannot be removed now", kind, exc_info=True)
                else:
                    silent = 0
            if len(rows) < PAGE_SIZE:
                return
        self._after[kind] = after
