from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from serve_app.cli import app
from serve_app.db.engine import Database
from serve_app.settings import Settings


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BERNIE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_accounts_are_made_credited_and_listed() -> None:
    code, output = run("users", "create", "ada@example.com", "--password", "correct horse")
    assert code == 0
    assert "bk_" in output
    assert run("users", "credit", "ada@example.com", "500")[0] == 0
    code, output = run("users", "list")
    assert code == 0
    assert "ada@example.com" in output
    assert "10,500" in output
    database = Database(Settings().database())
    database.ping()
    database.dispose()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("users", "credit", "nobody@example.com", "5"), "no such user"),
        (("fetch", "no-such-model"), "no-such-model"),
        (("say", "Hello.", "--key", "bk_x", "--url", "http://127.0.0.1:9"), "127.0.0.1:9"),
    ],
)
def test_expected_errors_are_one_line_and_exit_code_1(
    arguments: tuple[str, ...], reason: str
) -> None:
    code, output = run(*arguments)
    assert code == 1
    assert reason in output
    assert "Traceback" not in output


def test_an_account_is_made_once() -> None:
    arguments = ("users", "create", "ada@example.com", "--password", "correct horse")
    assert run(*arguments)[0] == 0
    code, output = run(*arguments)
    assert code == 1
    assert "Traceback" not in output


def test_say_wants_a_known_ending_and_a_key(tmp_path: Path) -> None:
    assert run("say", "Hello.", "--key", "bk_x", "-o", "hello.aiff")[0] == 2
    code, output = run("say", "Hello.", "-o", str(tmp_path / "hello.wav"))
    assert code == 2
    assert "bernie up" in output
