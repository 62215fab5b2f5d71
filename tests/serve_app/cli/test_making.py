"""`bernie say` and `bernie convert`, and `bernie clips` for what they began."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from pipelines.protocol import Word
from serve_app.cli import making
from serve_app.cli.client import Client, RequestFailed
from serve_app.cli.common import local_key
from serve_app.cli.main import app
from serve_app.media import word_times
from serve_app.settings import Settings
from tests.serve_app.api_harness import Api, FinishingApi, bearer
from tests.serve_app.cli.running import PASSWORD, run
from tests.serve_app.recordings import SPEECH
from tests.serve_app.served import served

pytestmark = pytest.mark.usefixtures("data_dir")


def test_say_requires_a_key() -> None:
    code, output = run("say", "Hello.")
    assert code == 2
    assert "bernie up" in output


def test_say_explains_a_key_of_another_database(
    server: FinishingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = local_key(Settings())
    monkeypatch.delenv("BERNIE_API_KEY")
    code, output = run("say", "Hello.")
    assert code == 1
    assert f"the key in {saved} is of another database; give --key" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("say", "Hello.", "-o"),
        ("say", "-o", "OUT.WAV", "--", "-5 degrees"),
        ("sfx", "Rain.", "--duration", "2", "--steps", "10", "--seed", "1", "-o"),
        ("convert", str(SPEECH), "--voice", "af_heart", "--steps", "5", "-o"),
    ],
)
def test_say_writes_the_clip_to_a_file(
    arguments: tuple[str, ...], server: FinishingApi, tmp_path: Path
) -> None:
    before = server.contents()["objects"]
    out = tmp_path / ("OUT.WAV" if arguments[-1] != "-o" else "out.mp3")
    code, output = run(*arguments, *([str(out)] if arguments[-1] == "-o" else []))
    assert code == 0, output
    assert out.read_bytes() == server.audio
    server.remove_deleted()
    after = server.contents()
    assert (after["clips"], after["objects"]) == (1, before + 1), "the upload is gone"


def test_say_keeps_the_clip_when_the_file_cannot_be_written(
    finishing_api: FinishingApi, tmp_path: Path
) -> None:
    with served(finishing_api) as url, Client(url) as client:
        client.sign_up("ada@example.com", PASSWORD)
        clip = client.wait(client.speak("Hello.", "af_heart")["id"], 10, lambda _: None)
        with pytest.raises(RequestFailed, match=f"cannot be written.*{clip['id']}"):
            client.download(clip, tmp_path / "nowhere" / "hello.wav")


def test_progress_shows_how_long_a_clip_waits() -> None:
    start = (datetime.now(UTC) + timedelta(seconds=54.2)).isoformat()
    assert making.progress({"started_at": None, "start_at": start}).startswith("waiting 54 s")
    assert making.progress({"started_at": start, "start_at": start}) == "generating"
    past = (datetime.now(UTC) - timedelta(seconds=3)).isoformat()
    assert making.progress({"started_at": None, "start_at": past}) == "queued"


def test_say_joins_the_clips_of_a_text_too_long_for_one(
    server: FinishingApi, tmp_path: Path
) -> None:
    audio = io.BytesIO()
    soundfile.write(audio, np.zeros(2_400, np.float32), 24_000, format="WAV")
    server.audio = audio.getvalue()
    longest = server.settings.max_text_characters
    text = tmp_path / "book.txt"
    text.write_text("\n\n".join(["A word. " * (longest // 10)] * 2))
    code, output = run("say", "--file", str(text), "-o", str(tmp_path / "book.flac"))
    assert code == 0, output
    assert soundfile.info(tmp_path / "book.flac").frames == 2 * 2_400 + 14_400
    assert server.contents()["clips"] == 2


def test_say_writes_captions_of_all_its_clips(
    server: FinishingApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = io.BytesIO()
    soundfile.write(audio, np.zeros(2_400, np.float32), 24_000, format="WAV")
    server.audio = audio.getvalue()
    wait = Client.wait

    def said_then_waited(client: Client, clip_id: str, *rest: Any) -> dict[str, Any]:
        with server.database.transaction() as session:
            word_times.record(session, clip_id, [Word(0, 5, "hello", 0.25, 0.75)])
        return wait(client, clip_id, *rest)

    monkeypatch.setattr(Client, "wait", said_then_waited)
    monkeypatch.setattr(Client, "longest", lambda *_: 10)
    captions = tmp_path / "two.srt"
    arguments = ("-o", str(tmp_path / "two.wav"), "--captions", str(captions))
    code, output = run("say", "Hello one.\n\nHello two.", *arguments)
    assert code == 0, output
    assert captions.read_text().startswith("1\n00:00:00,250 --> 00:00:01,250\nHello one.\n")
    assert "\n00:00:03,350 -->" in captions.read_text(), "2.5 s of the first clip, and a pause"
    assert run("say", "Hello.", "--captions", str(tmp_path / "a.txt"))[0] == 2


def test_say_detached_prints_an_id_that_clips_commands_take(
    server: FinishingApi, tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, ["say", "Hello.", "--detach", "--seed", "7"])
    assert result.exit_code == 0, result.output
    (clip_id,) = result.stdout.split()
    listed = run("clips", "list")[1]
    assert clip_id in listed
    assert "Text to speech" in listed
    shown = run("clips", "show", clip_id)[1]
    assert "service: styletts2 (Text to speech)" in shown
    assert "seed: 7" in shown
    assert "state: succeeded" in shown
    code, output = run("clips", "get", clip_id, "-o", str(tmp_path / "later.wav"))
    assert code == 0, output
    assert (tmp_path / "later.wav").read_bytes() == server.audio
    code, output = run("clips", "cancel", clip_id)
    assert code == 1
    assert "has succeeded already" in output


def test_say_writes_to_standard_output(server: FinishingApi) -> None:
    result = CliRunner().invoke(app, ["say", "-", "-o", "-"], input="Hello from a pipe.")
    assert result.exit_code == 0, result.output
    assert result.stdout_bytes == server.audio


def test_say_interrupted_cancels_the_clip(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    key = sqlite_api.create_key(sqlite_api.sign_up())["key"]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "wait", interrupted)
    with served(sqlite_api) as url:
        code, output = run("say", "Hello.", "--url", url.removeprefix("http://"), "--key", key)
    assert code == 130
    assert "Cancelled" in output
    (clip,) = sqlite_api.client.get("/api/clips", headers=bearer(key)).json()["items"]
    assert clip["state"] == "cancelled"


def test_convert_says_which_options_have_no_effect(server: FinishingApi, tmp_path: Path) -> None:
    code, output = run(
        "sfx", "Rain.", "--steps", "5", "--duration", "1", "-o", str(tmp_path / "rain.wav")
    )
    assert code == 0, output
    ignored = next(
        each["ignored"]
        for each in server.client.get("/api/services", headers=server.sign_up("b@b.de")).json()[
            "items"
        ]
        if each["name"] == "make-an-audio"
    )
    assert ("--steps: no effect" in output) is ("steps" in ignored)
    assert "--duration" not in output
