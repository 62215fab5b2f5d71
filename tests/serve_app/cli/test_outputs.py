from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer

from serve_app.cli.outputs import BETWEEN_PARTS_SECONDS, Output, output_of

RATE = 24_000


def wav(level: float, seconds: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(round(seconds * RATE), level, np.float32), RATE, format="WAV")
    return file.getvalue()


def test_output_writes_one_clip_as_it_is(tmp_path: Path) -> None:
    Output(tmp_path / "a.mp3", "mp3").write([b"as it is"])
    assert (tmp_path / "a.mp3").read_bytes() == b"as it is"


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_output_joins_clips_with_a_pause(tmp_path: Path, form: str) -> None:
    file = tmp_path / f"all.{form}"
    Output(file, form).write([wav(0.5, 1.0), wav(-0.5, 2.0)])
    samples, rate = soundfile.read(file)
    pause = round(BETWEEN_PARTS_SECONDS * RATE)
    assert (rate, len(samples)) == (RATE, 3 * RATE + pause)
    assert np.abs(samples[RATE : RATE + pause]).max() == 0
    assert samples[:RATE].min() > 0.49
    assert samples[RATE + pause :].max() < -0.49


def test_output_of_takes_the_format_of_the_ending_or_the_one_asked_for(tmp_path: Path) -> None:
    assert output_of(tmp_path / "a.OGG", None, play=False).format == "opus"
    assert output_of(tmp_path / "a.bin", "flac", play=False).format == "flac"
    assert output_of(Path("-"), None, play=False).format == "wav"
    for file, form in ((tmp_path / "a.aiff", None), (tmp_path / "a.wav", "aiff")):
        with pytest.raises(typer.BadParameter, match="must end in one of"):
            output_of(file, form, play=False)
    with pytest.raises(typer.BadParameter, match="is no folder"):
        output_of(tmp_path / "nowhere/a.wav", None, play=False)


def test_output_of_needs_a_player_to_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(typer.BadParameter, match="--play needs one of"):
        output_of(tmp_path / "a.wav", None, play=True)
    player = tmp_path / "aplay"
    player.write_text(
        f'#!/bin/sh\n[ "$1" = -q ] && read -r all < "$2"; echo "$all" > {tmp_path}/played\n'
    )
    player.chmod(0o755)
    output_of(tmp_path / "a.wav", None, play=True).write([b"sound\n"])
    assert (tmp_path / "played").read_text() == "sound\n"
