from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.models.seedvc.tiny import complete_goldens


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_goldens(tmp_path_factory.mktemp("seedvc") / "goldens")
