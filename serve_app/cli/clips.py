"""`bernie say`, `convert` and `sfx`: make a clip through a running server and save its audio."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from serve_app.cli.client import Client
from serve_app.cli.making import Submit, connected, make, warn_of_ignored
from serve_app.cli.outputs import Output, output_of
from serve_app.cli.texts import read_text, split_text

Destination = Annotated[
    Path,
    typer.Option("-o", help="The file to write; its ending chooses the format. - is standard out."),
]
Format = Annotated[
    str | None, typer.Option("--format", help="wav, mp3, flac or opus, whatever the file's ending.")
]
Play = Annotated[bool, typer.Option("--play", help="Play the audio as well.")]
Detach = Annotated[
    bool, typer.Option("--detach", help="Print the clip's id and go; see `bernie clips`.")
]
Rate = Annotated[int | None, typer.Option(help="In Hz, 8000 to 48000.")]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same audio.")]
Url = Annotated[str, typer.Option(help="The server.", envvar="BERNIE_URL")]
Key = Annotated[str, typer.Option(help="An API key.", envvar="BERNIE_API_KEY")]
Steps = Annotated[int | None, typer.Option(help="Steps of the diffusion: more take longer.")]


def say(
    text: Annotated[
        str | None,
        typer.Argument(help="- is standard input. Put -- before a text that begins with a dash."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Say a text file of any length; - is standard input."),
    ] = None,
    voice: Annotated[str, typer.Option(help="A voice, alias or blend; see `bernie voices`.")] = (
        "af_heart"
    ),
    output: Destination = Path("speech.wav"),
    speed: Annotated[float, typer.Option(help="0.25 to 4.")] = 1.0,
    seed: Seed = None,
    sample_rate: Rate = None,
    form: Format = None,
    play: Play = False,
    captions: Annotated[
        Path | None, typer.Option(help="Write captions too: a file that ends in .srt or .vtt.")
    ] = None,
    detach: Detach = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Says TEXT through a running server. A text too long for one clip becomes several, joined."""
    whole = read_text(text, file)
    destination = output_of(output, form, play, captions)
    options = without_none(seed=seed, sample_rate=sample_rate)
    with connected(url, key) as client:
        parts = split_text(whole, client.longest("styletts2", "text")) or [whole]
        submits = [partial(_speak, part, voice, {"speed": speed, **options}) for part in parts]
        make(client, submits, destination, detach)


def convert(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A recording of 0.2 s to 5 min.")
    ],
    voice: Annotated[str, typer.Option(help="Whose voice says it; see `bernie voices`.")],
    output: Destination = Path("converted.wav"),
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
    seed: Seed = None,
    sample_rate: Rate = None,
    form: Format = None,
    play: Play = False,
    detach: Detach = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Says what is said in FILE with another voice, through a running server."""
    destination = output_of(output, form, play)
    own = without_none(
        steps=steps, guidance=guidance, semitones=semitones, match_pitch=match_pitch or None
    )
    common = without_none(seed=seed, sample_rate=sample_rate)

    def submit(client: Client, form: str) -> dict[str, Any]:
        with client.uploaded(file) as upload:
            return client.convert(upload, voice, format=form, **own, **common)

    _make(url, key, "seedvc", submit, own, destination, detach)


def sfx(
    prompt: Annotated[str, typer.Argument(help="What is to be heard.")],
    output: Destination = Path("sound.wav"),
    duration: Annotated[float | None, typer.Option(help="Seconds, 0.5 to 30.")] = None,
    steps: Steps = None,
    guidance: Annotated[
        float | None, typer.Option(help="How closely to follow the prompt; 1 is fastest.")
    ] = None,
    seed: Seed = None,
    sample_rate: Rate = None,
    form: Format = None,
    play: Play = False,
    detach: Detach = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Makes the sound that PROMPT describes, through a running server."""
    destination = output_of(output, form, play)
    own = without_none(duration=duration, steps=steps, guidance=guidance)
    common = without_none(seed=seed, sample_rate=sample_rate)

    def submit(client: Client, form: str) -> dict[str, Any]:
        return client.sound_effect(prompt, format=form, **own, **common)

    _make(url, key, "make-an-audio", submit, own, destination, detach)


def without_none(**options: Any) -> dict[str, Any]:
    """The options that were given. The server has the defaults of the others."""
    return {name: value for name, value in options.items() if value is not None}


def _speak(
    text: str, voice: str, options: dict[str, Any], client: Client, form: str
) -> dict[str, Any]:
    return client.speak(text, voice, format=form, **options)


def _make(
    url: str,
    key: str,
    service: str,
    submit: Submit,
    given: dict[str, Any],
    destination: Output,
    detach: bool,
) -> None:
    with connected(url, key) as client:
        if given:
            warn_of_ignored(client, service, list(given))
        make(client, [submit], destination, detach)
