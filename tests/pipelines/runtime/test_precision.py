from __future__ import annotations

import torch
from torch import nn

from pipelines.runtime.device import Runtime
from pipelines.runtime.precision import autocast, place

CPU = torch.device("cpu")


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Conv1d(3, 3, 1), nn.Embedding(2, 4))


def test_lower_weights_only_products_and_convolutions_are_lowered() -> None:
    model = network()
    place(model, Runtime(CPU, torch.bfloat16))
    dtypes = [layer.weight.dtype for layer in model]
    assert dtypes == [torch.bfloat16, torch.float32, torch.bfloat16, torch.float32]


def test_lower_weights_float32_is_the_reference() -> None:
    model, runtime = network(), Runtime(CPU, torch.float32)
    place(model, runtime)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    with autocast(runtime):
        assert model[0](torch.ones(1, 4)).dtype is torch.float32


def test_lower_weights_autocast_feeds_lowered_weights_with_float32_inputs() -> None:
    model, runtime = network(), Runtime(CPU, torch.bfloat16)
    exact = model[0](torch.ones(1, 4))
    place(model, runtime)
    with autocast(runtime):
        lowered = model[0](torch.ones(1, 4))
    assert lowered.dtype is torch.bfloat16
    torch.testing.assert_close(lowered.float(), exact, rtol=0.02, atol=0.02)
