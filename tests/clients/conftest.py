from __future__ import annotations

from collections.abc import Iterator

import pytest

from serve_app.storage.seaweedfs import SeaweedFS
from tests.clients.server import Server, settings_of


@pytest.fixture(scope="package")
def server(seaweed: SeaweedFS, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(settings_of(seaweed), tmp_path_factory.mktemp("clients")).serving() as server:
        yield server


@pytest.fixture(autouse=True)
def undisturbed(server: Server) -> Iterator[None]:
    """Each test finds stages that neither wait nor fail."""
    yield
    for stage in server.stages.values():
        stage.pause, stage.error = 0.0, None
        stage.hold.set()
