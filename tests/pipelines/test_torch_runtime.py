from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from pipelines.settings import PipelineSettings
from pipelines.torch_runtime import configure


def test_threads_device_and_type_come_from_settings() -> None:
    before = torch.get_num_threads()
    try:
        runtime = configure(PipelineSettings(threads=2, dtype="bfloat16"))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert runtime.device == torch.device("cpu")
    assert runtime.dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["auto", "float32"])
def test_the_type_is_one_the_processor_computes_in(name: str) -> None:
    runtime = configure(PipelineSettings(dtype=name))
    native = torch.cpu.get_capabilities()
    fast = native.get("avx512_bf16") or native.get("amx_bf16")
    expected = torch.bfloat16 if name == "auto" and fast else torch.float32
    assert runtime.dtype == expected


def test_torchaudio_imports_beside_a_cpu_torch() -> None:
    code = (
        "from pipelines.torch_runtime import settle_torchaudio; settle_torchaudio();"
        "import torch, torchaudio.functional as F;"
        "assert F.resample(torch.ones(1, 480), 24000, 16000).shape == (1, 320)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
