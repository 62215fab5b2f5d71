from __future__ import annotations

from collections.abc import Callable

import pytest
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


def test_precise_modules_stay_float32_with_all_inside_them() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rough, self.exact = network(), network()

        @property
        def precise(self) -> list[nn.Module]:
            return [self.exact]

    model = Mixed()
    place(model, Runtime(CPU, torch.bfloat16))
    assert model.rough[2].weight.dtype is torch.bfloat16
    assert {parameter.dtype for parameter in model.exact.parameters()} == {torch.float32}


def test_a_module_is_moved_before_it_is_packed() -> None:
    model = network()
    place(model, Runtime(torch.device("meta"), torch.bfloat16))
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert type(model[0]) is nn.Linear, "only a CPU has packed weights"


@pytest.mark.parametrize("move", [lambda m: m.to("meta"), nn.Module.double, nn.Module.bfloat16])
def test_a_placed_module_cannot_be_moved(move: Callable[[nn.Module], nn.Module]) -> None:
    model = network()
    place(model, Runtime(CPU, torch.float32))
    if type(model[0]) is nn.Linear:
        pytest.skip("this build of torch has no kernels for packed weights")
    with pytest.raises(RuntimeError, match="before it packs"):
        move(model)
