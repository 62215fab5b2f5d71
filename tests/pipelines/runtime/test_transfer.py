from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.runtime.transfer import to_device, to_host

CPU = torch.device("cpu")


@pytest.mark.parametrize("values", [[1, 2, 3], np.array([1, 2, 3]), torch.tensor([1, 2, 3])])
def test_what_goes_to_a_device_comes_back(values: list[int]) -> None:
    there = to_device(values, CPU)
    assert to_device(values, torch.device("meta")).shape == there.shape == (3,)
    first, second = to_host(there, 2.0 * there)
    assert first.tolist() == [1, 2, 3]
    assert second.tolist() == [2.0, 4.0, 6.0]
