"""The recordings that a file of lines names: sent before the batch, removed behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from serve_app.cli.bars import bar_of
from serve_app.cli.client import Client, RequestFailed
from serve_app.media.batches import manifest
from serve_app.media.batches.lines import Rejection, beside

_CONFLICT = 409
_FIELD = "source"


def named(file: Path, kind: str) -> list[str]:
    """The recordings that lines name, each once. Raises RequestFailed for what is no file beside
    the manifest, and for a line that cannot be read beside one that names a recording."""
    names: dict[str, None] = {}
    unreadable = ""
    with file.open("rb") as stream:
        for line in manifest.read(stream, file.name, kind):
            if isinstance(line.fields, Rejection):
                why = line.fields.message
                unreadable = unreadable or f"Line {line.number} of {file} cannot be used: {why}"
            elif (name := line.fields.get(_FIELD)) is not None:
                if beside(name) is None:
                    message = "source must be the name of a file beside it."
                    raise RequestFailed(f"Line {line.number} of {file}: {message}")
                names[name] = None
    if names and unreadable:
        raise RequestFailed(unreadable)
    return list(names)


def remove(client: Client, uploads: Iterable[str]) -> None:
    """Gives the account their places back. What is not removed goes by itself in a week."""
    for upload in uploads:
        with suppress(RequestFailed):
            client.remove_upload(upload)


def send(
    client: Client,
    file: Path,
    names: list[str],
    sent: dict[str, str],
    save: Callable[[], None],
) -> None:
    """Sends those that are not yet in `sent`, which then has the uploads of all; calls `save`
    whenever it has changed. Raises RequestFailed."""
    columns = (TextColumn("Sending recordings"), BarColumn(), MofNCompleteColumn())
    with bar_of(*columns) as bar:
        task = bar.add_task("", total=len(names))
        for name in names:
            if name not in sent:
                try:
                    sent[name] = client.send(file.parent / name)
                except RequestFailed as error:
                    if error.status != _CONFLICT:
                        raise
                    # What was sent would be in the way of the parts of the file.
                    remove(client, sent.values())
                    sent.clear()
                    save()
                    raise _no_room(file, len(names), error) from error
                save()
            bar.advance(task)


def _no_room(file: Path, count: int, error: RequestFailed) -> RequestFailed:
    return RequestFailed(
        f"{error} {file} names {count} recordings; those that were sent are removed again. Split "
        "it, and make the parts one after another, or run it as a job (docs/bulk.md).",
        error.status,
    )


def with_uploads(file: Path, kind: str, sent: dict[str, str]) -> Iterator[bytes]:
    """The lines, with uploads in place of the recordings that they name."""
    with file.open("rb") as stream:
        for line in manifest.read(stream, file.name, kind):
            fields = dict(cast(dict[str, Any], line.fields))
            if (name := fields.pop(_FIELD, None)) is not None:
                fields["upload"] = sent[name]
            yield json.dumps({"id": line.id, **fields}).encode() + b"\n"
