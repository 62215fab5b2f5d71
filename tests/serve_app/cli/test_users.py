"""`bernie users`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from serve_app.accounts import credentials, users
from serve_app.accounts.sign_in_limits import SignInLimits
from serve_app.cli.main import app
from serve_app.db.engine import Database
from serve_app.db.models import ApiKey
from serve_app.errors import ApiError
from serve_app.settings import Settings
from tests.serve_app.cli.running import PASSWORD, run

pytestmark = pytest.mark.usefixtures("data_dir")


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
