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
    ("features", "used", "dtype", "expected"),
    [
        ({"avx512_bf16": True}, "AVX512", "auto", torch.bfloat16),
        ({"amx_bf16": True}, "AVX512", "auto", torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, "AVX2", "auto", torch.float32),
        ({"avx512_bf16": True}, "AVX2", "auto", torch.float32),
        ({"avx512_bf16": True}, "AVX512", "float32", torch.float32),
    ],
)
def test_configure_auto_is_the_fastest_type_the_processor_multiplies(
    monkeypatch: pytest.MonkeyPatch,
    features: dict[str, bool],
    used: str,
    dtype: str,
    expected: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: used)
    assert configure(PipelineSettings(dtype=dtype)).dtype == expected


@pytest.mark.parametrize(
    ("setting", "device", "here", "fast"),
    [
        ("auto", "cpu", True, True),
        ("auto", "cpu", False, False),
        ("fast", "cpu", False, True),
        ("plain", "cpu", True, False),
        ("fast", "meta", True, False),
    ],
)
def test_fast_convolutions_are_for_a_cpu_on_which_they_work(
    monkeypatch: pytest.MonkeyPatch, setting: str, device: str, here: bool, fast: bool
) -> None:
    monkeypatch.setattr("pipelines.runtime.device.work_here", lambda: here)
    runtime = configure(PipelineSettings(device=device, dtype="float32", convolutions=setting))
    assert runtime.fast is fast


def test_float32_is_never_tf32() -> None:
    configure(PipelineSettings())
    products = torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn
    assert "tf32" not in {product.fp32_precision for product in products}
