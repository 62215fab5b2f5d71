"""`make demo`: the whole system, from nothing to a sound file, and down again."""

from __future__ import annotations

import secrets
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from serve_app.client import Client
from serve_app.local import local_stack
from serve_app.settings import Settings

WAIT_SECONDS = 300.0


def run_demo(text: str, voice: str, output: Path, console: Console) -> None:
    """Raises ApiError where a step of the way fails; whatever happens, everything is stopped."""
    with tempfile.TemporaryDirectory(prefix="bernie-demo-") as folder:
        settings = demo_settings(data_dir=Path(folder), port=free_port())
        started = time.monotonic()

        def report(step: str) -> None:
            console.print(f"[cyan]{time.monotonic() - started:5.1f} s[/] {step}")

        url = f"http://{settings.host}:{settings.port}"
        with local_stack(settings, report, free_port()), Client(url) as client:
            report("Signing up")
            client.sign_up(f"demo-{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(16))
            report(f"Submitting: {text}")
            clip = client.speak(text, voice)
            clip = client.wait(clip["id"], WAIT_SECONDS, lambda c: report(f"Clip is {c['state']}"))
            client.download(clip, output)
            report(f"Downloaded {output}")
            account = client.me()
            report("Stopping")
        report("Stopped")
        console.print(_clip_table(clip))
        console.print(_timing_table(clip))
        console.print(
            f"[bold green]{output}[/]: {clip['audio']['seconds']:.2f} s of audio. "
            f"Credits left: {account['available']:,}"
        )


def demo_settings(**given: Any) -> Settings:
    """What the environment says of models and limits, with a database and an object store that
    are the demo's own."""
    own = {"database_url": "", "s3_endpoint": "", "s3_public_endpoint": "", "host": "127.0.0.1"}
    return Settings(**{**own, **given})


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _clip_table(clip: dict[str, Any]) -> Table:
    table = Table("clip", clip["id"])
    for name in ("service", "state", "voice", "format", "created_at", "finished_at", "s3_key"):
        table.add_row(name, str(clip[name]))
    return table


def _timing_table(clip: dict[str, Any]) -> Table:
    table = Table("stage", "waited [s]", "worked [s]")
    for stage, entry in clip["timings"]["stages"].items():
        table.add_row(stage, f"{entry['queued']:.2f}", f"{entry['seconds']:.2f}")
    table.add_row("first audio", "", f"{clip['timings']['first_audio_seconds']:.2f}")
    table.add_row("total", "", f"{clip['timings']['total_seconds']:.2f}")
    return table
