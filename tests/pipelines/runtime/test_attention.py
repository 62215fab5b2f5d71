from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from pipelines.runtime.attention import BLOCK, attend


@pytest.mark.parametrize("frames", [1, 7, BLOCK, 2 * BLOCK + 3])
@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 6e-2)])
def test_attention_is_the_softmax_of_the_scores(
    frames: int, scale: float | None, dtype: torch.dtype, tolerance: float
) -> None:
    generator = torch.Generator().manual_seed(frames)
    query, key, value = (
        torch.randn(2, frames, 3, 8, generator=generator).to(dtype).transpose(1, 2)
        for _ in range(3)
    )
    expected = F.scaled_dot_product_attention(
        query.double(), key.double(), value.double(), scale=scale
    )
    result = attend(query, key, value, scale)
    assert result.dtype is dtype
    torch.testing.assert_close(result.double(), expected, rtol=0, atol=tolerance)
