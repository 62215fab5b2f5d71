"""`bernie bulk`: makes every line of a file through a running server, and saves the results."""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from pipelines.audio.containers import FORMATS
from serve_app.cli import bulk_recordings
from serve_app.cli.bars import bar_of
from serve_app.cli.client import Client, RequestFailed
from serve_app.cli.clips import Key, Url
from serve_app.cli.error_messages import console
from serve_app.cli.making import connected
from serve_app.media.batches import manifest

SOME_FAILED, REFUSED, LEFT = 3, 4, 130
_KINDS = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
_GZIPPED = "application/gzip"
_PAGE_LINES = 200
_DOWNLOADS = 4
_LOOK_SECONDS = 1.0
_TRIES = 30
"""Looks that may fail in a row before the command gives up; the batch goes on without it."""


def bulk(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON lines (also .gz) or CSV.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of the results.")],
    voice: Annotated[str, typer.Option(help="Of lines that name none.")] = "af_heart",
    form: Annotated[str, typer.Option("--format", help="wav, mp3, flac or opus.")] = "flac",
    default: Annotated[
        list[str] | None, typer.Option(help="FIELD=VALUE of lines that do not have the field.")
    ] = None,
    service: Annotated[
        str, typer.Option(help="Of lines that name none: speech, conversion or sound_effects.")
    ] = "speech",
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Make the other lines.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Make as many lines as the credits pay for.")
    ] = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Makes a clip of every line of FILE. The same command again goes on where it was.

    A line of JSON or CSV has the fields of a request, such as `text` and `speed`, and perhaps an
    `id`, which names its file. `source` names a recording beside FILE that is converted."""
    options = {
        "defaults": {"service": service, "voice": voice, "format": form, **_defaults(default)},
        "skip_invalid": skip_invalid,
        "partial": partial,
        "title": file.name[:100],
    }
    folder = _Folder.of(output, file, options)
    with connected(url, key) as client:
        batch = _begun(client, folder, file, options)
        raise typer.Exit(_collect(client, folder, batch))


def _defaults(given: list[str] | None) -> dict[str, Any]:
    found = {}
    for each in given or []:
        name, equals, value = each.partition("=")
        if not equals:
            raise typer.BadParameter(f"--default must look like speed=1.2, not {each!r}")
        found[name] = manifest.cell(name, value)
    return found


@dataclass
class _Folder:
    """Where the results go, with a note of what they are of."""

    path: Path
    asked: str
    """Digest of the file and the options."""
    key: str
    batch: str = ""
    uploads: dict[str, str] = field(default_factory=dict)
    """Recordings that were sent."""

    @classmethod
    def of(cls, path: Path, file: Path, options: dict[str, Any]) -> _Folder:
        """Raises BadParameter where the folder holds the results of something else."""
        with file.open("rb") as stream:
            asked = f"{manifest.digest(stream)} {json.dumps(options, sort_keys=True)}"
        digest = hashlib.sha256(asked.encode()).hexdigest()
        try:
            path.mkdir(parents=True, exist_ok=True)
            note = path / "batch.json"
            found = json.loads(note.read_text()) if note.exists() else None
        except OSError as error:
            raise typer.BadParameter(f"{path} cannot be used: {error.strerror}") from error
        if found is None:
            return cls(path, digest, secrets.token_hex(16))
        if found["asked"] != digest:
            message = f"{path} holds the results of another file or of other options"
            raise typer.BadParameter(message)
        return cls(path, **found)

    def save(self) -> None:
        note = {name: getattr(self, name) for name in ("asked", "key", "batch", "uploads")}
        _replace(self.path / "batch.json", json.dumps(note, indent=2).encode())

    @property
    def results(self) -> Path:
        return self.path / "results.jsonl"

    def last_line(self) -> int:
        """The last line whose result is there. What was cut off while it was written is removed."""
        if not self.results.exists():
            return 0
        whole = self.results.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        if kept != whole:
            _replace(self.results, kept)
        return int(json.loads(kept.splitlines()[-1])["line"]) if kept else 0


def _replace(path: Path, content: bytes) -> None:
    """Writes a file as a whole, or not at all."""
    new = path.with_name(f".{path.name}.part")
    new.write_bytes(content)
    new.replace(path)


def _begun(client: Client, folder: _Folder, file: Path, options: dict[str, Any]) -> dict[str, Any]:
    if folder.batch:
        return client.batch(folder.batch)
    folder.save()
    kind = manifest.format_of(file.name)
    content_type = _GZIPPED if file.name.endswith(".gz") else _KINDS[kind]
    if names := bulk_recordings.named(file, kind):
        bulk_recordings.send(client, file, names, folder.uploads, folder.save)
        with tempfile.NamedTemporaryFile("wb", suffix=".jsonl") as sent:
            for block in bulk_recordings.with_uploads(file, kind, folder.uploads):
                sent.write(block)
            sent.flush()
            upload = client.send(Path(sent.name), _KINDS["jsonl"])
    else:
        upload = client.send(file, content_type)
    batch = client.create_batch(upload, folder.key, options)
    folder.batch = batch["id"]
    folder.save()
    bulk_recordings.remove(client, [upload])  # the batch has a copy of it
    return batch


def _collect(client: Client, folder: _Folder, batch: dict[str, Any]) -> int:
    """Follows the batch, and downloads what has ended; the exit code."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with bar_of(*columns) as bar:
        task = bar.add_task(batch["state"], total=batch["lines"]["total"])
        following = _Following(client, folder, batch["id"])
        while True:
            try:
                batch = following.step()
                lines = batch["lines"]
                done = lines["total"] - lines["waiting"] - lines["pending"]
                words = f"{batch['state']}, {lines['failed']} failed"
                bar.update(task, description=words, completed=done)
                if batch["finished_at"] is not None and following.complete:
                    break
                time.sleep(0 if following.busy else _LOOK_SECONDS)
            except KeyboardInterrupt:
                bar.stop()
                if not _asked_to_stop():
                    again = "The batch goes on; the same command collects its results."
                    console.print(again)
                    return LEFT
                client.cancel_batch(batch["id"])
                bar.start()
    if folder.uploads:
        bulk_recordings.remove(client, folder.uploads.values())
        folder.uploads.clear()
        folder.save()
    return _told(folder, batch)


def _asked_to_stop() -> bool:
    if not sys.stdin.isatty():
        return False
    question = "Stop the batch? (What has begun is still made and charged.)"
    try:
        return typer.confirm(question, default=False)
    except (typer.Abort, KeyboardInterrupt):
        return False


def _told(folder: _Folder, batch: dict[str, Any]) -> int:
    lines, error = batch["lines"], batch["error"]
    where = escape(str(folder.results))
    if batch["state"] == "refused":
        console.print(f"[red]Refused:[/] {escape(error['message'])}", soft_wrap=True)
        console.print(f"The lines at fault are in {where}; nothing was charged.", soft_wrap=True)
        return REFUSED
    console.print(
        f"{escape(str(folder.path))}: {lines['succeeded']} made "
        f"({batch['audio_seconds']:.0f} s of audio), {lines['failed']} failed, "
        f"{lines['cancelled']} cancelled, {batch['credits']['charged']} credits",
        soft_wrap=True,
    )
    if lines["failed"]:
        console.print(f'Why lines failed is in {where}, by "state": "failed".', soft_wrap=True)
    if batch["state"] == "cancelled":
        return LEFT
    return SOME_FAILED if lines["failed"] else 0


class _Following:
    """Looks at a batch now and then, and fetches what has ended since."""

    def __init__(self, client: Client, folder: _Folder, batch_id: str) -> None:
        self._client = client
        self._folder = folder
        self._batch_id = batch_id
        self._after = folder.last_line()
        self._failures = 0
        self._downloads = ThreadPoolExecutor(_DOWNLOADS)
        self.complete = self.busy = False
        """Whether nothing more has ended; whether there may be more at once."""

    def step(self) -> dict[str, Any]:
        """The batch as it is. A server that is away is waited for. Raises RequestFailed."""
        while True:
            try:
                batch = self._client.batch(self._batch_id)
                found = self._client.batch_results(self._batch_id, self._after, _PAGE_LINES)
                self._fetch(found)
                break
            except RequestFailed as error:
                self._failures += 1
                refused = error.status is not None and error.status < 500 and error.status != 429
                if refused or self._failures >= _TRIES:
                    raise
                time.sleep(_LOOK_SECONDS)
        self._failures = 0
        with self._folder.results.open("ab") as results:
            for line in found:
                shown = {name: line[name] for name in line if name not in ("url", "content_type")}
                results.write(json.dumps(shown, ensure_ascii=False).encode() + b"\n")
        # Lines whose clips were deleted are told of by no result.
        told = min(batch["settled"], self._after + _PAGE_LINES)
        after = max(self._after, told, found[-1]["line"] if found else 0)
        self.busy = after - self._after >= _PAGE_LINES
        self.complete = after == self._after
        self._after = after
        return batch

    def _fetch(self, found: list[dict[str, Any]]) -> None:
        """Returns or raises when no download is under way any more: the next would write to the
        same files."""
        downloads = [self._downloads.submit(self._download, line) for line in found]
        try:
            for download in downloads:
                download.result()
        finally:
            for download in downloads:
                download.cancel()
            wait(downloads)

    def _download(self, line: dict[str, Any]) -> None:
        if "url" not in line:
            return
        name = f"{line['id']}.{FORMATS[line['format']].extension}"
        part = self._folder.path / f".{name}.part"
        self._client.fetch(line["url"], part, f"line {line['id']}")
        part.replace(self._folder.path / name)
