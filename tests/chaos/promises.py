"""What a system promises, and whether it was kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Promise:
    """An invariant, how often it was checked, and its violations."""

    title: str
    examined: int
    broken: list[str]


def show_promises(title: str, promises: Sequence[Promise], console: Console) -> None:
    table = Table("promise", title=title)
    table.add_column("looked at", justify="right")
    table.add_column("broken", justify="right")
    for promise in promises:
        mark = "[red]✗[/]" if promise.broken else "[green]✓[/]"
        table.add_row(f"{mark} {promise.title}", f"{promise.examined:,}", f"{len(promise.broken)}")
    console.print(table)
    for promise in promises:
        for line in promise.broken[:_SHOWN]:
            console.print(f"✗ {line}", soft_wrap=True, highlight=False)
