from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from pipelines.runtime.between_layers import before_each_layer


def test_only_the_thread_that_asked_for_it_acts_before_its_layers() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    acts: list[str] = []

    def compute() -> torch.Tensor:
        with torch.inference_mode():
            return model(torch.ones(1, 2))

    with ThreadPoolExecutor(1) as behind, ThreadPoolExecutor(1) as front:
        behind.submit(before_each_layer, lambda: acts.append("behind")).result()
        plain = front.submit(compute).result()
        assert acts == []
        assert torch.equal(behind.submit(compute).result(), plain)
    assert acts == ["behind"] * 3, "the model and its two layers"
