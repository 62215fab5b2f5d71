from __future__ import annotations

import pytest
import torch
from torch import nn

from pipelines.fast_convolution.upsampling import ProductUpsampling, is_upsampling

LAYERS = [
    nn.ConvTranspose1d(6, 4, 20, 10, padding=5),
    nn.ConvTranspose1d(6, 4, 10, 5, padding=3, output_padding=1),
    nn.ConvTranspose1d(6, 4, 4, 2, padding=1, bias=False),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@torch.inference_mode()
def test_product_upsampling_gives_what_the_layer_gives(layer: nn.ConvTranspose1d) -> None:
    assert is_upsampling(layer)
    for x in (torch.randn(2, 6, 9), torch.randn(1, 1, 6).mT):
        torch.testing.assert_close(ProductUpsampling(layer)(x), layer(x))


@pytest.mark.parametrize(
    "layer",
    [nn.ConvTranspose1d(4, 4, 3, 2), nn.ConvTranspose1d(4, 4, 4, 2, groups=2), nn.Conv1d(4, 4, 4)],
    ids=str,
)
def test_is_upsampling_leaves_other_layers_alone(layer: nn.Module) -> None:
    assert not is_upsampling(layer)
