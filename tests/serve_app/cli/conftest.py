"""Where commands keep things, and a server that they talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve_app.api_harness import FinishingApi
from tests.serve_app.served import served


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BERNIE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def server(finishing_api: FinishingApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[FinishingApi]:
    """A server; its address and a key for it are in the environment of the commands."""
    key = finishing_api.create_key(finishing_api.sign_up())["key"]
    with served(finishing_api) as url:
        monkeypatch.setenv("BERNIE_URL", url)
        monkeypatch.setenv("BERNIE_API_KEY", key)
        yield finishing_api
