from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.runtime.cores import usable_cores


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 4), ("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1)],
)
def test_usable_cores_heeds_the_quota_of_a_container(
    tmp_path: Path, quota: str, cores: int
) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert usable_cores(tmp_path) == cores


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(("quota", "cores"), [("-1", 4), ("100000", 1)])
def test_usable_cores_heeds_the_quota_of_an_older_container(
    tmp_path: Path, quota: str, cores: int
) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == cores


@pytest.mark.usefixtures("four")
def test_usable_cores_are_those_of_the_affinity_without_a_container(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == 4
