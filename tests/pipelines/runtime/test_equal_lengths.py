from __future__ import annotations

import torch

from pipelines.runtime import equal_lengths
from pipelines.runtime.device import batched_everywhere
from pipelines.runtime.equal_lengths import together

CPU = torch.device("cpu")


def test_members_of_one_length_run_together_as_far_as_memory_goes(monkeypatch) -> None:
    monkeypatch.setattr(equal_lengths, "MEMORY", 100)
    lengths = [10, 20, 10, 10, 90]
    with batched_everywhere():
        assert list(together(lengths, CPU, 1)) == [(0, 2, 3), (1,), (4,)]
        assert list(together(lengths, CPU, 5)) == [(0, 2), (3,), (1,), (4,)]
        assert list(together(lengths, CPU, 1000)) == [(0,), (2,), (3,), (1,), (4,)]
        assert list(together([], CPU, 1)) == []


def test_members_run_one_by_one_on_a_cpu() -> None:
    assert list(together([10, 10], CPU, 1)) == [(0,), (1,)]
