from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from pipelines.networks.rmvpe import RMVPE
from tests.pipelines.models.seedvc.tiny import (
    GOLDENS,
    SMALL_TRACKER,
    VARIANTS,
    Tiny,
    build_tiny,
    seeded,
    small_vocoder,
)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The goldens with random weights where the recorded ones are too large to keep."""
    folder = tmp_path_factory.mktemp("seedvc") / "goldens"
    shutil.copytree(GOLDENS, folder)
    singing = folder / "svc44k"
    (singing / "rmvpe").mkdir()
    torch.save(seeded(lambda: RMVPE(SMALL_TRACKER)).state_dict(), singing / "rmvpe" / "rmvpe.pt")
    generator = {"generator": small_vocoder(singing).state_dict()}
    torch.save(generator, singing / "bigvgan" / "bigvgan_generator.pt")
    return folder


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
