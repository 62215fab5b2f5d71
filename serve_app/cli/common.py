"""What commands share: the database, and the API key of the local user."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from serve_app.accounts import credentials, users
from serve_app.cli.error_messages import WrongSetting
from serve_app.cli.local_stack import base_url, private_folder
from serve_app.db.engine import Database
from serve_app.db.models import User
from serve_app.errors import ApiError
from serve_app.http.work import is_loopback
from serve_app.private_files import write_private
from serve_app.settings import Settings

LOCAL_USER = "you@localhost"


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The database, migrated; created if it is SQLite and missing."""
    url = settings.database()
    _require_url(url)
    if not settings.database_url.get_secret_value():
        private_folder(settings.data_dir)
    database = Database(url)
    try:
        database.migrate()
        yield database
    finally:
        database.dispose()


@contextmanager
def existing_database(settings: Settings) -> Iterator[Database]:
    """The same, but raises WrongSetting where there is no SQLite file."""
    if not settings.database_url.get_secret_value():
        file = Path(database_name(settings))
        if not file.exists():
            raise WrongSetting(
                f"There is no database {file}. Go to the folder where `bernie up` runs, "
                "or set BERNIE_DATA_DIR or BERNIE_DATABASE_URL."
            )
    with open_database(settings) as database:
        yield database


def database_name(settings: Settings) -> str:
    """The file or address of the database, without its password."""
    _require_url(settings.database())
    url = make_url(settings.database())
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


def _require_url(url: str) -> None:
    """Raises WrongSetting without quoting the URL: any part of it may be the password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise WrongSetting(
            "BERNIE_DATABASE_URL must look like postgresql://user:password@host/name "
            "or sqlite:////folder/file."
        )
    if "@" in (parsed.host or ""):
        raise WrongSetting("BERNIE_DATABASE_URL: in a password, write @ as %40.")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise WrongSetting("BERNIE_DATABASE_URL: SQLite needs a file: sqlite:////folder/file.")


def local_key(settings: Settings) -> Path:
    """The file with the local user's API key; written anew where the database does not know the
    key."""
    path = key_file(settings)
    private_folder(settings.data_dir)
    with open_database(settings) as database, database.transaction() as session:
        now = database.now(session)
        if not _is_known(session, path, now):
            user = _local_user(session, settings, now)
            _, key = credentials.create_key(session, user.id, "bernie say", None, now)
            write_private(path, key)
    return path


def sign_in_link(settings: Settings) -> str:
    """A link that signs the local user in at the studio, once, from this machine. The token stands
    behind `#`, which browsers do not send."""
    with open_database(settings) as database, database.transaction() as session:
        now = database.now(session)
        token = credentials.open_link(session, _local_user(session, settings, now), now)
    host = settings.host if is_loopback(settings.host) else "127.0.0.1"
    return f"{base_url(host, settings.port)}/studio/#link={token}"


def key_file(settings: Settings) -> Path:
    return settings.data_dir / "api-key"


def _is_known(session: Session, path: Path, now: float) -> bool:
    try:
        credentials.authenticate(session, path.read_text().strip(), now)
    except (FileNotFoundError, ApiError):
        return False
    return True


def _local_user(session: Session, settings: Settings, now: float) -> User:
    try:
        return users.by_email(session, LOCAL_USER)
    except ApiError:
        password = secrets.token_urlsafe(24)
        user = users.new_user(LOCAL_USER, password, now)
        user.throttle_starts = 0
        users.sign_up(session, user, settings.sign_up_credits, now)
        return user
