from __future__ import annotations

import pytest

from benchmarks.graphs import NETWORKS, graph


@pytest.mark.parametrize(
    "name", ["style denoiser, 100 tokens", "estimator of Seed-VC, full windows, guided"]
)
def test_a_graph_brings_nothing_to_the_device(name: str) -> None:
    """What it needs to know of a batch is among what is copied in, at full size."""
    prepare = NETWORKS[name]()
    alone, together = graph(prepare, 1), graph(prepare, 16)
    assert alone.operations.copies == together.operations.copies == 0
    assert alone.operations.total == together.operations.total > 70
    assert 10 < together.operations.peak / alone.operations.peak < 17
