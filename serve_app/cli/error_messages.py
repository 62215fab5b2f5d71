"""One-line messages for errors that the user can mend, instead of tracebacks."""

from __future__ import annotations

from typing import Any

import typer
from alembic.util import CommandError
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import DBAPIError
from typer.core import TyperGroup

from pipelines.weights.checkpoints import FetchFailed
from serve_app.catalog import NothingInstalled
from serve_app.cli.client import RequestFailed
from serve_app.cli.local_stack import StackError
from serve_app.errors import ApiError
from serve_app.storage.seaweedfs import EmbeddedStoreError
from serve_app.storage.store_errors import StoreError

console = Console(stderr=True)

_USER_ERRORS = (
    RequestFailed,
    EmbeddedStoreError,
    FetchFailed,
    NothingInstalled,
    ApiError,
    StackError,
)
_STORE_SETTINGS = "BERNIE_S3_ENDPOINT, _BUCKET, _REGION, _ACCESS_KEY and _SECRET_KEY"


class WrongSetting(Exception):
    """A setting that cannot be used; the message names it."""


class ErrorReportingGroup(TyperGroup):
    """The commands of the program. An expected error is printed in one line, with exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            reason = explain(error)
            if reason is None:
                raise
            console.print(f"[red]{escape(reason)}[/]", soft_wrap=True, highlight=False)
            raise typer.Exit(1) from error


def explain(error: Exception) -> str | None:
    """The message for an error; None for an unexpected one. It contains no secret."""
    if isinstance(error, (*_USER_ERRORS, WrongSetting)):
        return str(error)
    if isinstance(error, ValidationError) and error.title == "Settings":
        return "; ".join(map(_setting, error.errors()))
    if isinstance(error, SettingsError):
        return f"A setting cannot be read: {error}."
    if isinstance(error, DBAPIError | CommandError):
        reason = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        return f"The database of BERNIE_DATABASE_URL or BERNIE_DATA_DIR cannot be used: {reason}"
    if isinstance(error, StoreError):
        return f"{error} Look at {_STORE_SETTINGS}."
    return None


def _setting(error: Any) -> str:
    name = "__".join(map(str, error["loc"])).upper()
    message = error["msg"].removeprefix("Value error, ")
    return f"BERNIE_{name}: {message}" if name else message
