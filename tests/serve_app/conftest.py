"""Databases for the tests of the service: each test gets its own, once on SQLite and once on
PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve_app.db.engine import Database
from tests.postgres import Postgres

_MIGRATED = "migrated"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole run, with a migrated database to copy."""
    with Postgres() as server:
        server.create(_MIGRATED)
        _migrate(server.url(_MIGRATED))
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite3"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def postgres_database(postgres: Postgres) -> Iterator[Database]:
    name = "test"
    postgres.create(name, template=_MIGRATED)
    database = Database(postgres.url(name))
    yield database
    database.dispose()
    postgres.drop(name)


@pytest.fixture
def sqlite_database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    file = tmp_path / "bernie.sqlite3"
    shutil.copyfile(migrated_file, file)
    database = Database(f"sqlite:///{file}")
    yield database
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated, empty database."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found


def _migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.dispose()
