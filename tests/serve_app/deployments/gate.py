"""A stage that tests hold and release."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any


class Gate:
    """A one-shot stage that waits until it is released, and records its batches."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[Any]] = []
        self.threads: set[str] = set()

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        self.threads.add(threading.current_thread().name)
        self.batches.append(list(items))
        self.entered.set()
        assert self.open.wait(10)
        if "bad" in items:
            raise ValueError("bad item")
        return [item.upper() for item in items]
