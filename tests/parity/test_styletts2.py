"""The recorded tensors, through the comparisons of `python -m parity`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from parity.comparison import comparison, table
from tests.pipelines.models.styletts2.conftest import GOLDENS, VARIANTS


@pytest.mark.parametrize("variant", VARIANTS)
@torch.inference_mode()
def test_compare_styletts2_every_recorded_tensor_is_met(variant: str) -> None:
    folder = GOLDENS / variant
    rows = comparison(folder)(folder)
    assert len(rows) > 120
    assert all(row.passed for row in rows), table([row for row in rows if not row.passed])


@torch.inference_mode()
def test_compare_styletts2_wrong_tensor_and_one_without_comparison_are_failures(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "ljspeech"
    shutil.copytree(GOLDENS / "ljspeech", folder)
    path = folder / "text_a.safetensors"
    tensors = load_file(path)
    tensors["sampler.n5.s2.out"] += 1e-3
    tensors["unheard_of"] = torch.zeros(1)
    save_file(tensors, path)
    failed = {row.tensor for row in comparison(folder)(folder) if not row.passed}
    assert failed == {"sampler.n5.s2.out", "unheard_of (not compared)"}
