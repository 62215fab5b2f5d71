"""`make demo`: starts the whole system, makes three sound files, and stops it."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from serve_app import catalog
from serve_app.cli.client import Client
from serve_app.cli.local_stack import Report, local_stack
from serve_app.cli.ports import free_port
from serve_app.settings import Settings

WAIT_SECONDS = 900.0

Submit = Callable[[Client], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What the demo makes: a sentence, the same sentence in another voice, and a sound."""

    text: str
    voice: str
    other_voice: str
    sound: str
    output: Path
    """The sentence. The other two lie beside it, as `NAME-converted` and `NAME-sound`."""

    @property
    def converted(self) -> Path:
        return self.output.with_stem(f"{self.output.stem}-converted")

    @property
    def effect(self) -> Path:
        return self.output.with_stem(f"{self.output.stem}-sound")


def run_demo(request: DemoRequest, settings: Settings, console: Console) -> None:
    """Makes the clips of the installed services and names the others. `settings` are resolved.

    Raises RequestFailed where a step fails. Everything is stopped in any case.
    """
    with tempfile.TemporaryDirectory(prefix="bernie-demo-") as folder:
        update = {"data_dir": Path(folder), "port": free_port()}
        settings = settings.model_copy(update=update)
        started = time.monotonic()

        def report(step: str) -> None:
            console.print(f"[cyan]{time.monotonic() - started:5.1f} s[/] {step}", soft_wrap=True)

        url = f"http://{settings.host}:{settings.port}"
        with local_stack(settings, report, free_port()), Client(url) as client:
            report("Signing up")
            client.sign_up(f"demo-{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(16))
            made = make_all(request, settings, client, report)
            account = client.me()
            report("Stopping")
        report("Stopped")
        for clip in made.values():
            console.print(_timing_table(clip, settings))
        for file, clip in made.items():
            console.print(f"[bold green]{file}[/]: {clip['audio']['seconds']:.2f} s of audio")
        console.print(f"Credits left: {account['available']:,}")


def make_all(
    request: DemoRequest, settings: Settings, client: Client, report: Report
) -> dict[Path, dict[str, Any]]:
    """The clips of the installed services, by the files that they are saved to."""

    def convert(client: Client) -> dict[str, Any]:
        with client.uploaded(request.output) as upload:
            return client.convert(upload, request.other_voice)

    steps: list[tuple[str, str, Path, Submit]] = [
        (
            "styletts2",
            request.text,
            request.output,
            lambda it: it.speak(request.text, request.voice),
        ),
        ("seedvc", f"the same as {request.other_voice}", request.converted, convert),
        ("make-an-audio", request.sound, request.effect, lambda it: it.sound_effect(request.sound)),
    ]
    made = {}
    for service, what, file, submit in steps:
        if service not in settings.pipelines():
            report(catalog.not_installed(service, settings).message)
            continue
        report(f"Submitting: {what}")
        clip = submit(client)
        clip = client.wait(clip["id"], WAIT_SECONDS, lambda c: report(f"The clip: {c['state']}"))
        client.download(clip, file)
        report(f"Downloaded {file}")
        made[file] = clip
    return made


def demo_settings(**given: Any) -> Settings:
    """The environment's models and limits, with a database and an object store of the demo's
    own."""
    own = {"database_url": "", "s3_endpoint": "", "s3_public_endpoint": "", "host": "127.0.0.1"}
    return Settings(**{**own, **given})


def _timing_table(clip: dict[str, Any], settings: Settings) -> Table:
    service = clip["service"]
    made_by = f"{catalog.TITLES[service]} ({settings.pipelines()[service]})"
    table = Table(made_by, "waited [s]", "worked [s]")
    for stage, entry in clip["timings"]["stages"].items():
        table.add_row(stage, f"{entry['queued']:.2f}", f"{entry['seconds']:.2f}")
    table.add_row("first audio", "", f"{clip['timings']['first_audio_seconds']:.2f}")
    table.add_row("total", "", f"{clip['timings']['total_seconds']:.2f}")
    return table
