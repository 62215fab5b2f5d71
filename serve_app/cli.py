"""The command `bernie`."""

from __future__ import annotations

import secrets
import signal
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from sqlalchemy.orm import Session

from pipelines import checkpoints
from pipelines.settings import PipelineSettings
from serve_app import accounts, credits
from serve_app.client import ApiError, Client
from serve_app.db.engine import Database
from serve_app.db.models import User
from serve_app.embedded import EmbeddedStoreError
from serve_app.errors import ServiceError
from serve_app.local import LocalStack, StackError, local_stack, private_folder, write_private
from serve_app.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Speech on your own hardware.", pretty_exceptions_enable=False
)
users_app = typer.Typer(no_args_is_help=True, help="Accounts of the local database.")
app.add_typer(users_app, name="users")
console = Console(stderr=True)

LOCAL_USER = "you@localhost"


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port of the HTTP API.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept.")] = None,
    dashboard_port: Annotated[int, typer.Option(help="Port of the Ray dashboard.")] = 8265,
) -> None:
    """Starts everything on loopback and runs until Ctrl-C."""
    given: dict[str, Any] = {"port": port, "data_dir": data_dir}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with _reasons():
            _fetch("kokoro", settings)
            key = _local_key(settings)
            with local_stack(settings, _say_step, dashboard_port) as stack:
                console.print(
                    f"[bold green]Bernie is up[/] at http://{settings.host}:{settings.port}\n"
                    f"Your API key is in {key}; try: bernie say 'Hello there.' -o hello.wav\n"
                    f"Ray dashboard: http://127.0.0.1:{dashboard_port} "
                    f"(its token is in {settings.data_dir / 'ray-token'})",
                    soft_wrap=True,
                )
                _watch(stack)
    except KeyboardInterrupt:
        console.print("Stopped.")


@app.command()
def demo(
    text: Annotated[str, typer.Option(help="What is said.")] = (
        "Hello! I am Bernie, and every sound of this sentence was made on your own machine."
    ),
    voice: Annotated[str, typer.Option(help="Who says it.")] = "woman",
    output: Annotated[Path, typer.Option("-o", help="The file to write.")] = Path("demo.wav"),
) -> None:
    """Starts a fresh system, makes one clip through its HTTP API, and stops it again."""
    from serve_app.demo import run_demo

    _fetch("kokoro", Settings())
    with _reasons():
        run_demo(text, voice, output, console)


@app.command()
def say(
    text: str,
    voice: Annotated[str, typer.Option(help="A voice, alias or blend; see GET /api/voices.")] = (
        "af_heart"
    ),
    output: Annotated[Path, typer.Option("-o", help="The file to write.")] = Path("speech.wav"),
    speed: Annotated[float, typer.Option(help="0.5 to 2.")] = 1.0,
    url: Annotated[str, typer.Option(help="The server.", envvar="BERNIE_URL")] = "",
    key: Annotated[str, typer.Option(help="An API key.", envvar="BERNIE_API_KEY")] = "",
) -> None:
    """Says TEXT through a running server. The format follows the name of the file."""
    settings = Settings()
    server = url or f"http://{settings.host}:{settings.port}"
    token = key or _saved_key(settings)
    kinds = {".wav": "wav", ".mp3": "mp3", ".flac": "flac", ".ogg": "opus", ".opus": "opus"}
    if output.suffix not in kinds:
        raise typer.BadParameter(f"the file must end in one of {', '.join(kinds)}")
    with _reasons(), Client(server, token) as client, console.status("Accepted") as status:
        clip = client.speak(text, voice, format=kinds[output.suffix], speed=speed)
        clip = client.wait(clip["id"], 600, lambda c: status.update(_progress(c)))
        client.download(clip, output)
    seconds = clip["audio"]["seconds"]
    console.print(f"{output}: {seconds:.1f} s of audio in {_took(clip):.1f} s")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="What to fetch; see checkpoints/manifest.toml.")] = (
        "kokoro"
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


@users_app.command("create")
def create_user(
    email: str,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
) -> None:
    """Makes an account and prints an API key for it."""
    settings = Settings()
    database = _database(settings)
    with _reasons(), database.transaction() as session:
        now = database.now(session)
        user = accounts.sign_up(session, email, password, settings.sign_up_credits, now)
        _, key = accounts.create_key(session, user.id, "created with the account", None, now)
    console.print(f"Created {email}. Its API key, shown this once:")
    typer.echo(key)


@users_app.command("credit")
def credit_user(email: str, amount: Annotated[int, typer.Argument(min=1)]) -> None:
    """Gives an account more credits."""
    database = _database(Settings())
    with _reasons(), database.transaction() as session:
        user = accounts.by_email(session, email)
        credits.grant(session, user, amount, database.now(session))
    console.print(f"{email} has {user.balance:,} credits.")


@users_app.command("list")
def list_users() -> None:
    """Lists the accounts with their credits."""
    database = _database(Settings())
    table = Table("e-mail", "credits", "held", "id")
    with database.transaction() as session:
        for user in accounts.list_users(session):
            held = credits.held(session, user.id)
            table.add_row(user.email, f"{user.balance:,}", f"{held:,}", user.id)
    Console().print(table)


class _reasons:  # noqa: N801 - reads as a statement
    """Turns an expected error into one line and exit code 1."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, ApiError | ServiceError | StackError | EmbeddedStoreError):
            console.print(f"[red]{error}[/]")
            raise typer.Exit(1) from error


def _watch(stack: LocalStack) -> None:
    """Returns at Ctrl-C. Raises where a part has ended by itself."""
    try:
        while True:
            time.sleep(1)
            stack.check()
    except KeyboardInterrupt:
        console.print("Stopping…")


def _say_step(text: str) -> None:
    console.print(f"[cyan]•[/] {text}…")


def _progress(clip: dict[str, Any]) -> str:
    return "Generating" if clip["started_at"] else f"Queued, may start at {clip['start_at']}"


def _took(clip: dict[str, Any]) -> float:
    return float(clip["timings"]["total_seconds"])


def _fetch(name: str, settings: Settings, source: Path | None = None) -> Path:
    """The weights, fetched with a progress bar where they are not there yet."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"Weights of {name}", total=1.0)

        def report(what: str, done: float) -> None:
            progress.update(task, description=what, completed=done)

        try:
            return checkpoints.fetch(name, PipelineSettings(settings.checkpoints), report, source)
        except checkpoints.FetchFailed as error:
            console.print(f"[red]{error}[/]")
            raise typer.Exit(1) from error


def _database(settings: Settings) -> Database:
    private_folder(settings.data_dir)
    database = Database(settings.database())
    database.migrate()
    return database


def _local_key(settings: Settings) -> Path:
    """The file with the API key of the person at this machine; made at the first start."""
    path = settings.data_dir / "api-key"
    if not path.exists():
        database = _database(settings)
        with database.transaction() as session:
            now = database.now(session)
            user = _local_user(session, settings, now)
            _, key = accounts.create_key(session, user.id, "bernie say", None, now)
        write_private(path, key)
    return path


def _local_user(session: Session, settings: Settings, now: float) -> User:
    try:
        return accounts.by_email(session, LOCAL_USER)
    except ServiceError:
        password = secrets.token_urlsafe(24)
        return accounts.sign_up(session, LOCAL_USER, password, settings.sign_up_credits, now)


def _saved_key(settings: Settings) -> str:
    path = settings.data_dir / "api-key"
    if not path.exists():
        raise typer.BadParameter("give --key, or start `bernie up` in this folder first")
    return path.read_text().strip()
