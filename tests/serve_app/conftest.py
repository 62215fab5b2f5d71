"""Databases for the tests of the service: each test gets an empty one, once on SQLite and once on
PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, event, make_url

from serve_app.db.engine import Database, create_database_engine
from serve_app.db.models import Base
from serve_app.settings import ServiceSettings, Settings
from serve_app.storage.seaweedfs import SeaweedFS
from serve_app.storage.store import ObjectStore
from tests.postgres import Postgres
from tests.serve_app.api_harness import Api, FinishingApi
from tests.serve_app.worker_harness import WorkerHarness

_MIGRATED = "migrated"

Connect = Callable[..., ObjectStore]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for each process of the run, with a migrated database to copy."""
    with Postgres() as server:
        server.create(_MIGRATED)
        migrate(server.url(_MIGRATED))
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite3"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_to_empty(postgres: Postgres) -> str:
    """The name of the database that tests use in turn."""
    name = "test"
    postgres.create(name, template=_MIGRATED)
    return name


@pytest.fixture(scope="session")
def postgres_engine(postgres: Postgres, postgres_to_empty: str) -> Engine:
    """One for all tests: statements are compiled once for each engine."""
    return create_database_engine(postgres.url(postgres_to_empty))


@pytest.fixture
def postgres_database(
    postgres: Postgres, postgres_to_empty: str, postgres_engine: Engine
) -> Iterator[Database]:
    database = Database(postgres_engine)
    yield database
    database.dispose()
    postgres.empty(postgres_to_empty, [each.name for each in reversed(Base.metadata.sorted_tables)])


@pytest.fixture
def new_postgres_database(postgres: Postgres) -> Iterator[Database]:
    """For tests that change the tables themselves, or ask how large they are."""
    name = "new"
    postgres.create(name, template=_MIGRATED)
    database = Database(postgres.url(name))
    yield database
    database.dispose()
    postgres.drop(name)


@pytest.fixture(scope="session")
def sqlite_engine(migrated_file: Path) -> Engine:
    """One for all tests, whose file is that of its URL at the time."""
    engine = create_database_engine(f"sqlite:///{migrated_file}")

    @event.listens_for(engine, "do_connect")
    def take_file(_dialect: object, _record: object, arguments: list[str], _: object) -> None:
        arguments[0] = engine.url.database or ""

    return engine


@pytest.fixture
def sqlite_database(
    migrated_file: Path, sqlite_engine: Engine, tmp_path: Path
) -> Iterator[Database]:
    file = tmp_path / "bernie.sqlite3"
    shutil.copyfile(migrated_file, file)
    sqlite_engine.url = make_url(f"sqlite:///{file}")
    database = Database(sqlite_engine)
    yield database
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated, empty database."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="session")
def connect(seaweed: SeaweedFS) -> Connect:
    """A store on the running server; keyword arguments override its settings."""

    def connect(**changes: object) -> ObjectStore:
        settings = {
            "s3_endpoint": seaweed.endpoint,
            "s3_access_key": SecretStr(seaweed.access_key),
            "s3_secret_key": SecretStr(seaweed.secret_key),
            "s3_bucket": "store-tests",
        }
        return ObjectStore(Settings(**(settings | changes)))  # type: ignore[arg-type]

    return connect


@pytest.fixture(scope="session")
def store(connect: Connect) -> ObjectStore:
    store = connect()
    store.ensure_bucket()
    return store


@pytest.fixture(scope="session")
def api_settings(seaweed: SeaweedFS) -> Settings:
    return Settings(
        s3_endpoint=seaweed.endpoint,
        s3_access_key=seaweed.access_key,
        s3_secret_key=seaweed.secret_key,
        s3_bucket="api",
        poll_seconds=0.05,
        conversion={"pipeline": "seed-vc"},
        sound_effects={"pipeline": "make-an-audio"},
    )


@pytest.fixture(scope="session")
def api_store(api_settings: Settings) -> ObjectStore:
    store = ObjectStore(api_settings)
    store.ensure_bucket()
    return store


@pytest.fixture
def api(api_settings: Settings, postgres_database: Database, api_store: ObjectStore) -> Api:
    """The whole HTTP application without the graph behind it.

    On PostgreSQL, which accepts less. What routes call is tested on both databases in folders of
    its own, and tests/clients, tests/browser and tests/system run the application on SQLite.
    """
    return Api(api_settings, postgres_database, api_store)


@pytest.fixture
def sqlite_api(api_settings: Settings, sqlite_database: Database, api_store: ObjectStore) -> Api:
    """For what is decided without the database."""
    return Api(api_settings, sqlite_database, api_store)


@pytest.fixture
def finishing_api(
    api_settings: Settings, sqlite_database: Database, api_store: ObjectStore
) -> FinishingApi:
    """For what follows a clip's success."""
    return FinishingApi(api_settings, sqlite_database, api_store)


@pytest.fixture
def harness(api_settings: Settings, database: Database, api_store: ObjectStore) -> WorkerHarness:
    settings = api_settings.model_copy(
        update={
            "speech": ServiceSettings(pipeline="noop"),
            "lease_seconds": 0.6,
            "retry_backoff_seconds": 0.05,
            "drain_seconds": 5.0,
            "throttle_starts": 100,
        }
    )
    return WorkerHarness(settings, database, api_store)


def migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.dispose()
