"""The command `bernie`."""

from __future__ import annotations

import os
import shlex
import signal
import time
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines import registry
from pipelines.settings import PipelineSettings
from pipelines.weights import checkpoints
from serve_app import __version__, catalog
from serve_app.cli import bulk, clip_list, clips, doctor, users, voices
from serve_app.cli.bars import step_bar
from serve_app.cli.common import LOCAL_USER, local_key, sign_in_link
from serve_app.cli.demo import DemoRequest, demo_settings, run_demo
from serve_app.cli.error_messages import ErrorReportingGroup, WrongSetting, console
from serve_app.cli.local_stack import LocalStack, RayGone, base_url, local_stack, require_room
from serve_app.cli.outputs import require_writable
from serve_app.http.work import is_loopback
from serve_app.settings import AUTO, OFF, SERVICES, Settings

app = typer.Typer(
    cls=ErrorReportingGroup,
    no_args_is_help=True,
    help="Speech, voice conversion and sound effects on your own hardware.",
    pretty_exceptions_enable=False,
)
for command in (clips.say, clips.convert, clips.sfx, bulk.bulk, doctor.doctor):
    app.command()(command)
app.add_typer(clip_list.app, name="clips")
app.add_typer(voices.app, name="voices")
app.add_typer(users.app, name="users")

_DEFAULT_SPEECH = catalog.DEFAULTS["styletts2"]


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bernie {__version__}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """Options of all commands."""


Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the API.")]
DataDir = Annotated[Path | None, typer.Option(help="Where everything is kept.")]


@app.command()
def up(
    port: Port = None,
    data_dir: DataDir = None,
    dashboard_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the Ray dashboard.")
    ] = 8265,
    open_studio: Annotated[
        bool, typer.Option("--open", help="Open the studio in the browser, signed in.")
    ] = False,
) -> None:
    """Starts everything on loopback and runs until Ctrl-C."""
    settings = _settings(port, data_dir)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        require_room(settings, dashboard_port)
        _fetch_defaults(settings)
        served = catalog.resolve(settings)
        key = local_key(settings)
        with local_stack(served, _print_step, dashboard_port) as stack:
            link = sign_in_link(settings)
            again = _studio_command(port, data_dir)
            _print_banner(stack, settings, key, dashboard_port, f"another: {again}): {link}")
            if open_studio:
                webbrowser.open(link)
            _watch(stack)
    except KeyboardInterrupt:
        pass
    except RayGone as gone:
        console.print(
            f"Stopped. {gone} What was under way goes on after the next start.", soft_wrap=True
        )
        console.file.flush()
        os._exit(0)
    console.print("Stopped.")


def _settings(port: int | None, data_dir: Path | None) -> Settings:
    given: dict[str, Any] = {"port": port, "data_dir": data_dir}
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _studio_command(port: int | None, data_dir: Path | None) -> str:
    """What prints another link of the same server."""
    options = [("--port", port), ("--data-dir", data_dir)]
    given = [f" {name} {shlex.quote(str(value))}" for name, value in options if value is not None]
    return "bernie studio" + "".join(given)


@app.command()
def studio(
    port: Port = None,
    data_dir: DataDir = None,
    open_studio: Annotated[
        bool, typer.Option("--open", help="Open it in the browser as well.")
    ] = False,
) -> None:
    """Prints a link that signs you in at the studio of `bernie up`, once, within ten minutes."""
    link = sign_in_link(_settings(port, data_dir))
    typer.echo(link)
    if open_studio:
        webbrowser.open(link)


@app.command()
def demo(
    text: Annotated[str, typer.Option(help="What is said.")] = (
        "Hello! I am Bernie, and every sound of this sentence was made on your own machine."
    ),
    voice: Annotated[str, typer.Option(help="Who says it.")] = "woman",
    other_voice: Annotated[str, typer.Option(help="Who says it once more.")] = "bm_george",
    sound: Annotated[str, typer.Option(help="The sound effect.")] = "A dog barks in the distance",
    output: Annotated[
        Path, typer.Option("-o", help="The WAV file of the sentence; the others lie beside it.")
    ] = Path("demo.wav"),
) -> None:
    """Starts a fresh system, makes three clips through its HTTP API, and stops it again.

    A sentence, the same in another voice, and a sound: as far as they are installed. It has a
    database and an object store of its own, whatever BERNIE_DATABASE_URL and BERNIE_S3_… say."""
    request = DemoRequest(text, voice, other_voice, sound, output)
    require_writable(output)
    settings = demo_settings()
    _fetch_defaults(settings)
    run_demo(request, catalog.resolve(settings), console)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="What to fetch; see checkpoints/manifest.toml.")] = (
        _DEFAULT_SPEECH
    ),
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            exists=True,
            file_okay=False,
            help="A folder with files that were downloaded by other means.",
        ),
    ] = None,
) -> None:
    """Gets the weights of a model, checks them, and converts them once."""
    path = _fetch(name, Settings(), source)
    console.print(f"{name} is ready: {path}")


def _fetch_defaults(settings: Settings) -> None:
    """Fetches the default models of services for which no other is set or installed. Raises where
    the speech model cannot be fetched; the other services are then missing."""
    _require_checkpoints(settings)
    if settings.speech.pipeline == _DEFAULT_SPEECH:
        _fetch(_DEFAULT_SPEECH, settings)
    for service in ("seedvc", "make-an-audio"):
        default = catalog.DEFAULTS[service]
        asked = settings.service(service).pipeline
        if asked == default or (asked == AUTO and not catalog.is_installed(service, settings)):
            try:
                _fetch(default, settings)
            except checkpoints.FetchFailed as error:
                console.print(f"[yellow]{catalog.TITLES[service]} will be missing: {error}[/]")


def _fetch(name: str, settings: Settings, source: Path | None = None) -> Path:
    """Fetches the weights where missing, and tells how far it is."""
    _require_checkpoints(settings)
    with step_bar(f"Weights of {name}") as report:
        return registry.fetch(name, PipelineSettings(settings.checkpoints), report, source)


def _require_checkpoints(settings: Settings) -> None:
    if not (settings.checkpoints / "manifest.toml").is_file():
        raise WrongSetting(f"BERNIE_CHECKPOINTS: {settings.checkpoints} has no manifest.toml.")


def _print_step(text: str) -> None:
    console.print(f"[cyan]•[/] {text}…")


def _print_banner(
    stack: LocalStack, asked: Settings, key: Path, dashboard_port: int, studio: str
) -> None:
    settings = stack.settings
    token = shlex.quote(str(settings.data_dir.resolve() / "ray-token"))
    lines = [
        f"[bold green]Bernie is up[/] at {base_url(settings.host, settings.port)}",
        f"Studio, signed in (once, within ten minutes; {studio}",
        *_services(asked, settings),
        f"Your API key is in {key}; try: bernie say 'Hello there.' -o hello.wav",
        "Many lines at once: bernie bulk lines.jsonl -o FOLDER; or as a job of Ray: "
        f"RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={token} "
        f"ray job submit --address http://127.0.0.1:{dashboard_port} -- "
        f'python -m serve_app.bulk run --manifest "$PWD/lines.jsonl" --user {LOCAL_USER} '
        "--default voice=af_heart",
        f"Ray dashboard: http://127.0.0.1:{dashboard_port} "
        f"(its token is in {settings.data_dir / 'ray-token'})",
    ]
    if stack.store and not settings.s3_public_endpoint and not is_loopback(settings.host):
        lines.append(
            "[yellow]The built-in S3 listens on loopback only: links to audio do not work from "
            "other machines. Bring an S3 of your own with BERNIE_S3_ENDPOINT.[/]"
        )
    console.print("\n".join(lines), soft_wrap=True)


def _services(asked: Settings, served: Settings) -> list[str]:
    """The running pipelines, and how to install the missing ones unless they were turned off."""
    running = served.pipelines()
    lines = [f"{catalog.TITLES[name]}: {pipeline}" for name, pipeline in running.items()]
    for name in SERVICES:
        if name not in running and asked.service(name).pipeline != OFF:
            command = catalog.install_command(name, asked)
            lines.append(f"{catalog.TITLES[name]}: not installed; {command}")
    return lines


def _watch(stack: LocalStack) -> None:
    """Returns at Ctrl-C. Raises where a part has ended."""
    try:
        while True:
            time.sleep(1)
            stack.check()
    except KeyboardInterrupt:
        console.print("Stopping…")
