"""Results that a long measurement keeps as it goes, so that it can be stopped and go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read(store: Path) -> list[dict[str, Any]]:
    """What was added to a file, nothing where there is none."""
    if not store.exists():
        return []
    return [json.loads(line) for line in store.read_text("utf-8").splitlines()]


def add(store: Path, result: dict[str, Any]) -> None:
    with store.open("a", encoding="utf-8") as output:
        output.write(json.dumps(result) + "\n")
