from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from pipelines.runtime.device import configure
from pipelines.settings import PipelineSettings


def test_threads_device_and_type_come_from_settings() -> None:
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
def test_auto_is_the_fastest_type_the_processor_multiplies(
    monkeypatch: pytest.MonkeyPatch, features: dict[str, bool], dtype: str, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    assert configure(PipelineSettings(dtype=dtype)).dtype == expected


def test_torchaudio_imports_beside_a_cpu_torch() -> None:
    code = (
        "from pipelines.runtime.device import make_torchaudio_importable;"
        "make_torchaudio_importable();"
        "import torch, torchaudio.functional as F;"
        "assert F.resample(torch.ones(1, 480), 24000, 16000).shape == (1, 320)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_float32_is_never_tf32() -> None:
    configure(PipelineSettings())
    products = torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn
    assert "tf32" not in {product.fp32_precision for product in products}
