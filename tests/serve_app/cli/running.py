"""Commands as a user gives them."""

from __future__ import annotations

from typer.testing import CliRunner

from serve_app.cli.main import app
from serve_app.cli.ports import free_port

PASSWORD, SECRET = "correct horse", "geheim"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def up(*arguments: str) -> tuple[int, str]:
    """`bernie up` with a port for the dashboard that no other system on the machine has."""
    return run("up", "--dashboard-port", str(free_port()), *arguments)
