"""Where the audio of a command goes: a file or standard output, and the loudspeaker."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import typer

from pipelines.audio.containers import Encoder, own_rate
from serve_app.cli.client import RequestFailed

FORMATS = {".wav": "wav", ".mp3": "mp3", ".flac": "flac", ".ogg": "opus", ".opus": "opus"}
STANDARD = Path("-")
PART_FORMAT = "wav"
"""In which clips are fetched that are to be joined."""
_PLAYERS = (
    ("afplay",),
    ("paplay",),
    ("pw-play",),
    ("aplay", "-q"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("mpv", "--really-quiet", "--no-video"),
)
BETWEEN_PARTS_SECONDS = 0.6
"""Silence where parts of a long text are joined: they are paragraphs, as a rule."""


@dataclass(frozen=True, slots=True)
class Output:
    """What becomes of the audio. `file` is `-` for standard output."""

    file: Path
    format: str
    play: bool = False
    captions: Path | None = None
    """Where captions of speech go, as SubRip or WebVTT by the file's ending."""

    def write(self, parts: Sequence[bytes]) -> None:
        """Writes one clip as it is, and several as one file, in order. Raises RequestFailed where
        the file cannot be written or nothing here plays sound."""
        data = parts[0] if len(parts) == 1 else _joined(parts, self.format)
        if self.file == STANDARD:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            self._save(data)
        if self.play:
            _play(data, self.format)

    def _save(self, data: bytes) -> None:
        try:
            self.file.write_bytes(data)
        except OSError as error:
            raise RequestFailed(f"{self.file} cannot be written: {error.strerror}.") from error


def output_of(file: Path, asked: str | None, play: bool, captions: Path | None = None) -> Output:
    """Raises BadParameter for a format that is not known, a file that could not be written in the
    end, and a terminal as standard output."""
    form = asked or FORMATS.get(file.suffix.lower(), "wav" if file == STANDARD else None)
    if form is None or form not in FORMATS.values():
        endings = ", ".join(FORMATS)
        raise typer.BadParameter(f"the file must end in one of {endings}, or give --format")
    if file == STANDARD:
        if sys.stdout.isatty():
            raise typer.BadParameter("-o - writes audio: send it to a file or a program")
    else:
        require_writable(file)
    if play and _player() is None:
        names = ", ".join(player[0] for player in _PLAYERS)
        raise typer.BadParameter(f"--play needs one of {names}")
    if captions is not None:
        if captions.suffix.lower() not in (".srt", ".vtt"):
            raise typer.BadParameter("captions go to a file that ends in .srt or .vtt")
        require_writable(captions)
    return Output(file, form, play, captions)


def require_writable(output: Path) -> None:
    """Raises BadParameter now where the file could not be written in the end."""
    folder = output.parent
    if not folder.is_dir() or output.is_dir():
        missing = output if output.is_dir() else folder
        what = "is a folder" if output.is_dir() else "is no folder"
        raise typer.BadParameter(f"{missing} {what}")
    if not os.access(output if output.exists() else folder, os.W_OK):
        raise typer.BadParameter(f"{output} may not be written")


def _joined(parts: Sequence[bytes], form: str) -> bytes:
    """Clips in WAV as one file of a format, with a pause between them."""
    sink = io.BytesIO()
    rate = soundfile.info(io.BytesIO(parts[0])).samplerate
    encoder = Encoder(sink, form, rate, own_rate(form, rate))
    for place, part in enumerate(parts):
        if place:
            encoder.write(np.zeros(round(BETWEEN_PARTS_SECONDS * rate), np.float32))
        encoder.write(soundfile.read(io.BytesIO(part), dtype="float32")[0])
    encoder.close()
    return sink.getvalue()


def _player() -> tuple[str, ...] | None:
    return next((player for player in _PLAYERS if shutil.which(player[0])), None)


def _play(data: bytes, form: str) -> None:
    player = _player() or _PLAYERS[0]
    with tempfile.NamedTemporaryFile(suffix=f".{form}") as file:
        file.write(data)
        file.flush()
        command = [*player, file.name]
        if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - a name of the table
            raise RequestFailed(f"{player[0]} could not play the audio.")
