from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.pipelines.models.seedvc.tiny import (
    VARIANTS,
    Tiny,
    build_tiny,
    complete_goldens,
)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_goldens(tmp_path_factory.mktemp("seedvc") / "goldens")


@pytest.fixture(scope="session")
def tinies(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tiny]:
    cache = tmp_path_factory.mktemp("cache")
    return {name: build_tiny(complete / name, cache) for name in VARIANTS}


@pytest.fixture(params=VARIANTS)
def tiny(request: pytest.FixtureRequest, tinies: dict[str, Tiny]) -> Tiny:
    return tinies[request.param]


@pytest.fixture
def speech(tinies: dict[str, Tiny]) -> Tiny:
    return tinies["vc22k"]


@pytest.fixture
def singing(tinies: dict[str, Tiny]) -> Tiny:
    return tinies["svc44k"]
