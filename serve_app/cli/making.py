"""How a command makes clips: submits them, waits, and hands their audio out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from pipelines.protocol import Word
from serve_app.cli.client import Client, RequestFailed
from serve_app.cli.common import key_file
from serve_app.cli.error_messages import console
from serve_app.cli.outputs import BETWEEN_PARTS_SECONDS, PART_FORMAT, Output
from serve_app.media import captions
from serve_app.settings import Settings

Submit = Callable[[Client, str], dict[str, Any]]
"""Submits a clip in a format; gives the pending clip."""

_WAIT_SECONDS = 3600
_INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""


@contextmanager
def connected(url: str, key: str) -> Iterator[Client]:
    """A client of the server at `url`, or of this folder's, with `key` or this folder's."""
    settings = Settings()
    saved = key_file(settings)
    if not key and not saved.exists():
        raise typer.BadParameter(
            "there is no API key: start `bernie up` in this folder, or give --key or BERNIE_API_KEY"
        )
    server = url or f"http://{settings.host}:{settings.port}"
    if "://" not in server:
        server = f"http://{server}"
    with Client(server, key or saved.read_text().strip()) as client:
        try:
            yield client
        except RequestFailed as error:
            if error.status != 401 or key:
                raise
            hint = f"(the key in {saved} is of another database; give --key)"
            raise RequestFailed(f"{error} {hint}", 401) from error


def warn_of_ignored(client: Client, service: str, given: Sequence[str]) -> None:
    """Says which of the options given have no effect on the model that runs."""
    for each in client.services():
        if each["name"] == service and (useless := sorted(set(given) & set(each["ignored"]))):
            names = ", ".join(f"--{name.replace('_', '-')}" for name in useless)
            console.print(f"[yellow]{names}: no effect on {each['pipeline']}.[/]")


def make(client: Client, submits: Sequence[Submit], output: Output, detach: bool) -> None:
    """Makes clips and writes their audio as one file. With `detach` it prints their ids and does
    not wait. Ctrl-C cancels them."""
    begun = time.monotonic()
    form = output.format if len(submits) == 1 else PART_FORMAT
    ids: list[str] = []
    try:
        for submit in submits:
            ids.append(submit(client, form)["id"])
        if detach:
            typer.echo("\n".join(ids))
            return
        clips = [_wait(client, clip_id, place, len(ids)) for place, clip_id in enumerate(ids, 1)]
        output.write([client.audio(clip) for clip in clips])
        if output.captions is not None:
            output.captions.write_text(_captions(client, clips, output.captions))
    except KeyboardInterrupt:
        _cancel(client, ids)
        raise typer.Exit(_INTERRUPTED) from None
    except RequestFailed:
        if len(ids) < len(submits):
            _cancel(client, ids)  # a later part was refused: half a text is of no use
        raise
    _tell(clips, output, time.monotonic() - begun)


def _wait(client: Client, clip_id: str, place: int, parts: int) -> dict[str, Any]:
    prefix = f"Part {place} of {parts}: " if parts > 1 else ""
    told = False
    with console.status(f"{prefix}accepted") as status:

        def show(clip: dict[str, Any]) -> None:
            nonlocal told
            text = f"{prefix}{progress(clip)}"
            status.update(text)
            if not console.is_terminal and not told and "waiting" in text:
                console.print(text)
                told = True

        return client.wait(clip_id, _WAIT_SECONDS, show)


def progress(clip: dict[str, Any]) -> str:
    """What a pending clip is doing."""
    if clip["started_at"]:
        return "generating"
    left = (datetime.fromisoformat(clip["start_at"]) - datetime.now(UTC)).total_seconds()
    if left < 1:
        return "queued"
    return f"waiting {left:.0f} s: a few clips of an account start a minute, the others later"


def _cancel(client: Client, ids: Sequence[str]) -> None:
    for clip_id in ids:
        with suppress(RequestFailed):
            client.delete(clip_id)
    if ids:
        console.print(f"Cancelled {', '.join(ids)}.")


def _captions(client: Client, clips: Sequence[dict[str, Any]], file: Path) -> str:
    """The captions of clips that follow each other."""
    found: list[captions.Cue] = []
    begun = 0.0
    for clip in clips:
        words = [
            Word(
                each["begin"],
                each["end"],
                each["said"],
                each["start"] + begun,
                each["stop"] + begun,
            )
            for each in client.words(clip["id"])
        ]
        seconds = clip["audio"]["seconds"]
        found += captions.cues(captions.shown(clip["text"], literal=False), words, begun + seconds)
        begun += seconds + BETWEEN_PARTS_SECONDS
    return captions.vtt(found) if file.suffix.lower() == ".vtt" else captions.srt(found)


def _tell(clips: Sequence[dict[str, Any]], output: Output, took: float) -> None:
    """Prints what was made, and what the service has to say of it."""
    seconds = sum(clip["audio"]["seconds"] for clip in clips)
    where = "" if str(output.file) == "-" else f"{output.file}: "
    console.print(f"{where}{seconds:.1f} s of audio in {took:.1f} s", soft_wrap=True)
    for clip in clips:
        if clip["sounds"]:
            console.print(f"Made of: {', '.join(clip['sounds'])}.", soft_wrap=True)
        if clip["note"]:
            console.print(f"[yellow]{clip['note']}[/]", soft_wrap=True)
    sys.stdout.flush()
