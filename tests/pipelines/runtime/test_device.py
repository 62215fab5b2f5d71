from __future__ import annotations

import pytest
import torch

from pipelines.runtime.device import configure
from pipelines.settings import PipelineSettings


def test_configure_threads_device_and_type_come_from_settings() -> None:
    before = torch.get_num_threads()
    try:
        runtime = configure(PipelineSettings(threads=2, dtype="bfloat16"))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert runtime.device == torch.device("cpu")
    assert runtime.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("features", "dtype", "expected"),
    [
        ({"avx512_bf16": True}, "auto", torch.bfloat16),
        ({"amx_bf16": True}, "auto", torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, "auto", torch.float32),
        ({"avx512_bf16": True}, "float32", torch.float32),
    ],
)
def test_configure_auto_is_the_fastest_type_the_processor_multiplies(
    monkeypatch: pytest.MonkeyPatch, features: dict[str, bool], dtype: str, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    assert configure(PipelineSettings(dtype=dtype)).dtype == expected


def test_float32_is_never_tf32() -> None:
    configure(PipelineSettings())
    products = torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn
    assert "tf32" not in {product.fp32_precision for product in products}
