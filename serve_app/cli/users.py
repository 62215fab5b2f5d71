"""`bernie users`: accounts in the database."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from serve_app.accounts import credentials, credits, users
from serve_app.accounts.credentials import ALL_SCOPES, Scope
from serve_app.cli.common import database_name, existing_database, open_database
from serve_app.cli.error_messages import console
from serve_app.settings import Settings

MAX_CREDITS = 10**12
MAX_DAYS = 3650
MAX_STARTS = 100_000
_DAY = 24 * 3600.0

app = typer.Typer(no_args_is_help=True, help="Accounts of the database.")

_Password = Annotated[str, typer.Option(help="Asked for if it is left out.")]


@app.command("create")
def create(email: str, password: _Password = "") -> None:
    """Makes an account and prints an API key for it, and nothing else, to standard output."""
    settings = Settings()
    password = password or _ask_password()
    with open_database(settings) as database:
        with database.reading() as session:
            now = database.now(session)
        user = users.new_user(email, password, now)
        with database.transaction() as session:
            users.sign_up(session, user, settings.sign_up_credits, now)
            _, key = credentials.create_key(session, user.id, "created with the account", None, now)
    console.print(f"Created {email}. Its API key, shown this once:")
    typer.echo(key)


@app.command("key")
def make_key(
    email: str,
    name: Annotated[str, typer.Option(help="What to recognise it by.")] = "made by the operator",
    scope: Annotated[Scope | None, typer.Option(help="All that it may do; left out, both.")] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=MAX_DAYS, help="How long it is valid.")
    ] = None,
) -> None:
    """Makes an API key and prints it, and nothing else, to standard output."""
    with existing_database(Settings()) as database, database.transaction() as session:
        user, now = users.by_email(session, email), database.now(session)
        expires_at = None if days is None else now + days * _DAY
        scopes = [scope] if scope else ALL_SCOPES
        _, key = credentials.create_key(session, user.id, name, expires_at, now, scopes)
    console.print(f"An API key of {email} with the scopes {', '.join(scopes)}, shown this once:")
    typer.echo(key)


@app.command("password")
def set_password(email: str, password: _Password = "") -> None:
    """Gives an account another password and ends its sessions."""
    password = password or _ask_password()
    with existing_database(Settings()) as database, database.transaction() as session:
        user = users.by_email(session, email)
        users.set_password(session, user, password, database.now(session))
    console.print(f"{email} has another password and is signed out everywhere.")


@app.command("sign-out")
def sign_out(
    email: str,
    keys: Annotated[bool, typer.Option("--keys", help="Revoke the API keys too.")] = False,
) -> None:
    """Ends all sessions of an account."""
    with existing_database(Settings()) as database, database.transaction() as session:
        user, now = users.by_email(session, email), database.now(session)
        credentials.end_sessions(session, user.id, now)
        if keys:
            credentials.revoke_keys(session, user.id, now)
    what = "Its API keys are revoked." if keys else "Its API keys stay valid; see --keys."
    console.print(f"{email} is signed out everywhere. {what}")


@app.command("credit")
def credit(email: str, amount: Annotated[int, typer.Argument(min=1, max=MAX_CREDITS)]) -> None:
    """Gives an account more credits."""
    with existing_database(Settings()) as database, database.transaction() as session:
        user = users.by_email(session, email)
        credits.grant(session, user, amount, database.now(session))
    console.print(f"{email} has {user.balance:,} credits.")


@app.command("limit")
def limit(
    email: str,
    starts: Annotated[
        int | None,
        typer.Option(
            min=0, max=MAX_STARTS, help="Clips it may start in a minute; 0 is any number."
        ),
    ] = None,
) -> None:
    """Gives an account a throttle of its own, or without --starts that of all others."""
    settings = Settings()
    with existing_database(settings) as database, database.transaction() as session:
        users.by_email(session, email).throttle_starts = starts
    if starts == 0:
        console.print(f"{email} may start any number of clips.")
        return
    number = settings.throttle_starts if starts is None else starts
    window = settings.throttle_window_seconds
    console.print(f"{email} may start {number} clips in {window:g} seconds.", highlight=False)


@app.command("list")
def list_all() -> None:
    """Lists the accounts with their credits."""
    settings = Settings()
    table = Table()
    table.add_column("e-mail", overflow="fold")
    table.add_column("credits", justify="right", no_wrap=True)
    table.add_column("held", justify="right", no_wrap=True)
    table.add_column("id", no_wrap=True, min_width=32)
    with existing_database(settings) as database, database.transaction() as session:
        for user in users.list_users(session):
            held = credits.held(session, user.id)
            table.add_row(user.email, f"{user.balance:,}", f"{held:,}", user.id)
    console.print(f"Accounts of {database_name(settings)}", soft_wrap=True, highlight=False)
    Console().print(table)


def _ask_password() -> str:
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer
