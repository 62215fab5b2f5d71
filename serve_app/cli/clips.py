"""`bernie say`, `convert` and `sfx`: submit a clip to a running server and save it to a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from serve_app.cli.client import Client, RequestFailed
from serve_app.cli.common import key_file
from serve_app.cli.error_messages import console
from serve_app.settings import Settings

FORMATS = {".wav": "wav", ".mp3": "mp3", ".flac": "flac", ".ogg": "opus", ".opus": "opus"}
_WAIT_SECONDS = 3600

Output = Annotated[
    Path, typer.Option("-o", help="The file to write; its ending chooses the format.")
]
Url = Annotated[str, typer.Option(help="The server.", envvar="BERNIE_URL")]
Key = Annotated[str, typer.Option(help="An API key.", envvar="BERNIE_API_KEY")]
Steps = Annotated[int | None, typer.Option(help="Steps of the diffusion: more take longer.")]


def say(
    text: Annotated[str, typer.Argument(help="Put -- before a text that begins with a dash.")],
    voice: Annotated[str, typer.Option(help="A voice, alias or blend; see `bernie voices`.")] = (
        "af_heart"
    ),
    output: Output = Path("speech.wav"),
    speed: Annotated[float, typer.Option(help="0.5 to 2.")] = 1.0,
    url: Url = "",
    key: Key = "",
) -> None:
    """Says TEXT through a running server."""
    _make(
        url, key, output, lambda client, form: client.speak(text, voice, format=form, speed=speed)
    )


def convert(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A recording of 0.2 s to 5 min.")
    ],
    voice: Annotated[str, typer.Option(help="Whose voice says it; see `bernie voices`.")],
    output: Output = Path("converted.wav"),
    steps: Steps = None,
    guidance: Annotated[
        float | None, typer.Option(help="How far to go towards the voice; 0 is fastest.")
    ] = None,
    semitones: Annotated[
        float | None, typer.Option(help="Transposes; needs a model with F0.")
    ] = None,
    match_pitch: Annotated[
        bool,
        typer.Option("--match-pitch", help="Moves the pitch to the voice; needs a model with F0."),
    ] = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Says what is said in FILE with another voice, through a running server."""
    options = without_none(steps=steps, guidance=guidance, semitones=semitones)

    def submit(client: Client, form: str) -> dict[str, Any]:
        with client.uploaded(file) as upload:
            return client.convert(upload, voice, format=form, match_pitch=match_pitch, **options)

    _make(url, key, output, submit)


def sfx(
    prompt: Annotated[str, typer.Argument(help="What is to be heard.")],
    output: Output = Path("sound.wav"),
    duration: Annotated[float | None, typer.Option(help="Seconds, 0.5 to 30.")] = None,
    steps: Steps = None,
    guidance: Annotated[
        float | None, typer.Option(help="How closely to follow the prompt; 1 is fastest.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same sound.")] = None,
    url: Url = "",
    key: Key = "",
) -> None:
    """Makes the sound that PROMPT describes, through a running server."""
    options = without_none(duration=duration, steps=steps, guidance=guidance, seed=seed)
    _make(
        url, key, output, lambda client, form: client.sound_effect(prompt, format=form, **options)
    )


def without_none(**options: Any) -> dict[str, Any]:
    """The options that were given. The server has the defaults of the others."""
    return {name: value for name, value in options.items() if value is not None}


@contextmanager
def connected(url: str, key: str) -> Iterator[Client]:
    """A client of the server at `url`, or of this folder's, with `key` or this folder's."""
    settings = Settings()
    saved = key_file(settings)
    if not key and not saved.exists():
        raise typer.BadParameter("give --key, or start `bernie up` in this folder first")
    server = url or f"http://{settings.host}:{settings.port}"
    with Client(server, key or saved.read_text().strip()) as client:
        try:
            yield client
        except RequestFailed as error:
            if error.status != 401 or key:
                raise
            hint = f"(the key in {saved} is of another database; give --key)"
            raise RequestFailed(f"{error} {hint}", 401) from error


def require_writable(output: Path) -> None:
    """Raises BadParameter now where the file could not be written in the end."""
    folder = output.parent
    if not folder.is_dir() or output.is_dir():
        missing = output if output.is_dir() else folder
        what = "is a folder" if output.is_dir() else "is no folder"
        raise typer.BadParameter(f"{missing} {what}")
    if not os.access(output if output.exists() else folder, os.W_OK):
        raise typer.BadParameter(f"{output} may not be written")


def _make(
    url: str, key: str, output: Path, submit: Callable[[Client, str], dict[str, Any]]
) -> None:
    """Submits a clip in the format of the file's extension, waits, and writes the file."""
    form = FORMATS.get(output.suffix.lower())
    if form is None:
        raise typer.BadParameter(f"the file must end in one of {', '.join(FORMATS)}")
    require_writable(output)
    with connected(url, key) as client, console.status("Accepted") as status:
        clip = submit(client, form)
        clip = client.wait(clip["id"], _WAIT_SECONDS, lambda c: status.update(_progress(c)))
        client.download(clip, output)
    seconds, took = clip["audio"]["seconds"], clip["timings"]["total_seconds"]
    console.print(f"{output}: {seconds:.1f} s of audio in {took:.1f} s")


def _progress(clip: dict[str, Any]) -> str:
    if clip["started_at"]:
        return "Generating"
    left = (datetime.fromisoformat(clip["start_at"]) - datetime.now(UTC)).total_seconds()
    if left < 1:
        return "Queued"
    return f"Waiting {left:.0f} s: a few clips of an account start a minute, the others later"
