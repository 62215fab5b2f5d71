"""One whole system on loopback for the tests of this folder: real Ray, store, database, models."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines import registry
from pipelines.settings import PipelineSettings
from serve_app.cli.client import Client
from serve_app.cli.local_stack import local_stack
from serve_app.cli.ports import free_port
from serve_app.db.engine import Database
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore
from tests.system.small import SmallSystem


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A whole system shares two cores with the other tests: its waits may be too short once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


@dataclass(frozen=True)
class System:
    """A running system, with access to its database and store."""

    settings: Settings
    database: Database
    store: ObjectStore

    @property
    def url(self) -> str:
        return f"http://{self.settings.host}:{self.settings.port}"


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    registry.fetch("revoice", PipelineSettings())  # which has Kokoro for its decoder
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("system"),
        port=free_port(),
        throttle_starts=1_000,
        lease_seconds=4,
        retry_backoff_seconds=0.2,
        worker_clips=2,
    )
    with local_stack(settings, lambda _: None, free_port()) as stack:
        database = Database(stack.settings.database())
        yield System(stack.settings, database, ObjectStore(stack.settings))
        database.dispose()


@pytest.fixture(scope="package")
def small_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallSystem]:
    made = SmallSystem(tmp_path_factory.mktemp("small"))
    yield made
    made.end()


@pytest.fixture
def sign_up(system: System) -> Iterator[Callable[[], Client]]:
    """Makes a new user and gives the client of it."""
    stack = ExitStack()

    def make() -> Client:
        client = stack.enter_context(Client(system.url))
        client.sign_up(f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12))
        return client

    with stack:
        yield make
