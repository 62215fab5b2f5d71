from __future__ import annotations

import pytest

from benchmarks import blocks
from benchmarks.blocks import Pair, main, measure


def test_a_pair_is_measured_and_gives_the_same_both_ways() -> None:
    pair = measure(3, channels=16, steps=200, rounds=1)
    assert pair.decibels > 90
    assert pair.plain > 0


@pytest.mark.parametrize(("fast", "status"), [(0.5, 0), (0.9, 1)])
def test_the_status_tells_of_a_regress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fast: float, status: int
) -> None:
    monkeypatch.setattr(blocks, "measure", lambda taps: Pair(taps, 1.0, fast, 100.0))
    assert main([]) == status
    assert "| 11 | 1.000 |" in capsys.readouterr().out
