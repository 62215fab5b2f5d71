"""`bernie users`: accounts of the database."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from serve_app import accounts, credits
from serve_app.commands.common import database_name, existing_database, open_database
from serve_app.commands.reasons import console
from serve_app.settings import Settings

MOST_CREDITS = 10**12

app = typer.Typer(no_args_is_help=True, help="Accounts of the database.")


@app.command("create")
def create(
    email: str,
    password: Annotated[str, typer.Option(help="Asked for if it is left out.")] = "",
) -> None:
    """Makes an account and prints an API key for it, and nothing else, to standard output."""
    settings = Settings()
    if not password:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with open_database(settings) as database, database.transaction() as session:
        now = database.now(session)
        user = accounts.sign_up(session, email, password, settings.sign_up_credits, now)
        _, key = accounts.create_key(session, user.id, "created with the account", None, now)
    console.print(f"Created {email}. Its API key, shown this once:")
    typer.echo(key)


@app.command("credit")
def credit(email: str, amount: Annotated[int, typer.Argument(min=1, max=MOST_CREDITS)]) -> None:
    """Gives an account more credits."""
    with existing_database(Settings()) as database, database.transaction() as session:
        user = accounts.by_email(session, email)
        credits.grant(session, user, amount, database.now(session))
    console.print(f"{email} has {user.balance:,} credits.")


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
        for user in accounts.list_users(session):
            held = credits.held(session, user.id)
            table.add_row(user.email, f"{user.balance:,}", f"{held:,}", user.id)
    console.print(f"Accounts of {database_name(settings)}", soft_wrap=True, highlight=False)
    Console().print(table)
