"""`bernie voices`: shipped voices and the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from serve_app.cli.client import RequestFailed
from serve_app.cli.clips import Key, Url
from serve_app.cli.error_messages import console
from serve_app.cli.making import connected

app = typer.Typer(invoke_without_command=True, help="The voices of a running server.")


@app.callback()
def list_all(context: typer.Context, url: Url = "", key: Key = "") -> None:
    """Lists the voices; `add` and `remove` change those of your own."""
    if context.invoked_subcommand is not None:
        return
    table = Table("voice", "also", "language", "seconds")
    with connected(url, key) as client:
        for voice in client.voices():
            seconds = voice["seconds"]
            length = "" if seconds is None else f"{seconds:.1f}"
            language = voice["language"] or "your own"
            table.add_row(voice["name"], ", ".join(voice["aliases"]), language, length)
    Console().print(table)


@app.command("add")
def add(
    name: str,
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="1 to 30 s of one person speaking."),
    ],
    url: Url = "",
    key: Key = "",
) -> None:
    """Makes a voice of your own from a recording."""
    with connected(url, key) as client, client.uploaded(file) as upload:
        client.add_voice(name, upload)
        users = [each["title"] for each in client.services() if each["own_voices"]]
    console.print(f"Added the voice {name}.")
    if users:
        console.print(f"It can be used for: {', '.join(users)}.")
    else:
        console.print(
            "[yellow]No model that runs here speaks with voices of your own. "
            "Seed-VC and StyleTTS 2 do: see docs/models.md.[/]",
            soft_wrap=True,
        )


@app.command("remove")
def remove(name: str, url: Url = "", key: Key = "") -> None:
    """Removes a voice of your own."""
    with connected(url, key) as client:
        ids = [voice["id"] for voice in client.voices() if voice["name"] == name and voice["id"]]
        if not ids:
            raise RequestFailed(f"There is no voice of your own named {name}.", 404)
        client.remove_voice(ids[0])
    console.print(f"Removed the voice {name}.")
