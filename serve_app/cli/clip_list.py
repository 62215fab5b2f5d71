"""`bernie clips`: the clips of a running server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from serve_app.catalog import TITLES
from serve_app.cli.client import RequestFailed
from serve_app.cli.clips import Destination, Key, Url
from serve_app.cli.error_messages import console
from serve_app.cli.making import connected, progress
from serve_app.cli.outputs import STANDARD, output_of

app = typer.Typer(no_args_is_help=True, help="The clips of a running server.")

_WORDS = 50
"""Characters of a text in the list."""
_SHOWN = (
    "id",
    "service",
    "state",
    "text",
    "voice",
    "options",
    "seed",
    "credits",
    "created_at",
    "started_at",
    "finished_at",
    "attempts",
    "note",
)


@app.command("list")
def list_clips(
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many, newest first.")] = 20,
    url: Url = "",
    key: Key = "",
) -> None:
    """Lists the newest clips."""
    table = Table("id", "service", "state", "seconds", "voice", "text")
    with connected(url, key) as client:
        for clip in client.clips(limit):
            audio = clip["audio"]
            seconds = f"{audio['seconds']:.1f}" if audio else ""
            text = " ".join((clip["text"] or "").split())
            short = text if len(text) <= _WORDS else f"{text[: _WORDS - 1]}…"
            row = (clip["id"], _title(clip), _state(clip), seconds, clip["voice"] or "", short)
            table.add_row(*map(escape, row))
    Console(width=None if console.is_terminal else 200).print(table)


@app.command("show")
def show(clip_id: str, url: Url = "", key: Key = "") -> None:
    """Prints what is known of a clip."""
    with connected(url, key) as client:
        clip = client.clip(clip_id)
    shown = {**clip, "service": f"{clip['service']} ({_title(clip)})"}
    for name in _SHOWN:
        if shown[name] not in (None, {}):
            typer.echo(f"{name}: {shown[name]}")
    if clip["error"]:
        typer.echo(f"error: {clip['error']['message']} ({clip['error']['code']})")
    if clip["audio"]:
        typer.echo(f"audio: {clip['audio']['seconds']:.1f} s, {clip['audio']['bytes']:,} bytes")


@app.command("get")
def get(clip_id: str, output: Destination = Path("clip.wav"), url: Url = "", key: Key = "") -> None:
    """Saves the audio of a clip, and waits for it first where it is not ready."""
    with connected(url, key) as client, console.status("Waiting"):
        clip = client.wait(clip_id, 3600, lambda _: None)
        form = clip["format"]
        file = output if output == STANDARD else output.with_suffix(f".{form}")
        destination = output_of(file, form, play=False)
        destination.write([client.audio(clip)])
    console.print(f"{file}: {clip['audio']['seconds']:.1f} s of audio", soft_wrap=True)


@app.command("cancel")
def cancel(clip_id: str, url: Url = "", key: Key = "") -> None:
    """Cancels a clip that is not ready; it costs nothing."""
    with connected(url, key) as client:
        state = client.clip(clip_id)["state"]
        if state != "pending":
            raise RequestFailed(f"The clip has {state} already.")
        client.delete(clip_id)
    console.print(f"Cancelled {clip_id}.")


def _title(clip: dict[str, Any]) -> str:
    """What a newer server calls otherwise keeps its name."""
    service = str(clip["service"])
    return TITLES.get(service, service)


def _state(clip: dict[str, Any]) -> str:
    return progress(clip).partition(":")[0] if clip["state"] == "pending" else clip["state"]
