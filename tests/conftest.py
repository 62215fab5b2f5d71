"""What several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serve_app.embedded import SeaweedFS


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """One object store for the whole run; each test takes keys or a bucket of its own."""
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs")) as store:
        yield store
