"""`bernie doctor`: whether rows, ledger and object store are consistent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from serve_app.cli.common import existing_database
from serve_app.cli.error_messages import console
from serve_app.cli.local_stack import with_store
from serve_app.maintenance.doctor.check_context import CheckContext
from serve_app.maintenance.doctor.runner import CheckResult, run_checks
from serve_app.settings import Settings
from serve_app.storage import seaweedfs
from serve_app.storage.store import ObjectStore


def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what is safe to put right.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON document instead of a table.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Fetch and decode every result: this takes long.")
    ] = False,
    age: Annotated[
        float, typer.Option(min=0, help="Seconds that work in flight may take: it is no finding.")
    ] = 3600,
) -> None:
    """Checks that every clip, credit, recording and stored object is as it must be.

    It may run while the system does, and changes nothing without --repair, which removes objects
    and uploads that belong to nothing and frees clips whose worker is gone. Exit code 1 if anything
    is wrong in the end.
    """
    settings = Settings()
    with existing_database(settings) as database, _own_store(settings) as reachable:
        store = ObjectStore(reachable)
        store.ready()
        context = CheckContext(database, store, reachable, age, deep)
        results = run_checks(context, repair, lambda title: console.print(f"[cyan]•[/] {title}…"))
    if as_json:
        typer.echo(json.dumps([each.as_json() for each in results], indent=2))
    else:
        _show(results)
    if not all(each.ok for each in results):
        raise typer.Exit(1)


@contextmanager
def _own_store(settings: Settings) -> Iterator[Settings]:
    """Settings that name an object store. The built-in store of `bernie up` is started for the
    block unless it runs."""
    folder = settings.data_dir / "seaweedfs"
    if settings.s3_endpoint or not seaweedfs.exists(folder):
        yield settings
        return
    with seaweedfs.running_store(folder) as access:
        yield with_store(settings, access)


def _show(results: list[CheckResult]) -> None:
    table = Table()
    table.add_column("what must hold", overflow="fold")
    for name in ("looked at", "wrong", "repaired"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        mark = "[green]✓[/]" if result.ok else "[red]✗[/]"
        counts = (result.examined, result.wrong, result.repaired)
        table.add_row(f"{mark} {result.title}", *(f"{count:,}" for count in counts))
    output = Console()
    output.print(table)
    for result in results:
        for each in result.findings:
            done = " (repaired)" if each.repaired else ""
            output.print(f"{each.subject} {each.problem}{done}", soft_wrap=True, highlight=False)
        if (more := result.wrong - len(result.findings)) > 0:
            output.print(f"… and {more:,} more: {result.title}", soft_wrap=True, highlight=False)
