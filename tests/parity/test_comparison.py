"""What the parity command reports of rows, folders and tensors that were left out."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from parity import comparison
from parity.comparison import RecordedTensors, Row, compare_abs, compare_rms


def test_comparison_two_measures() -> None:
    golden = torch.tensor([1.0, -1.0, 1.0, -1.0])
    ours = golden + torch.tensor([0.0, 0.0, 0.0, 0.02])
    row = compare_rms("unet", "eps", ours, golden, 0.011)
    assert row.max_abs == pytest.approx(0.02)
    assert row.rel_rms == pytest.approx(0.01)
    assert row.passed
    assert not compare_rms("unet", "eps", ours, golden, 0.009).passed
    assert compare_abs("unet", "eps", ours, golden, 0.021).passed
    assert not compare_abs("unet", "eps", ours, golden, 0.019).passed


@pytest.mark.parametrize(
    "ours", [torch.full((4,), math.nan), torch.ones(1, 4), torch.ones(3), torch.full((4,), 2.0)]
)
@pytest.mark.parametrize("compare", [compare_rms, compare_abs])
def test_comparison_what_is_not_the_same_never_passes(compare: object, ours: torch.Tensor) -> None:
    assert callable(compare)
    assert not compare("a", "b", ours, torch.ones(4), 0.5).passed


def test_comparison_integers_are_compared_exactly() -> None:
    golden = torch.tensor([2**40, 1])
    assert compare_abs("text", "ids", golden.clone(), golden, 0.0).passed
    assert not compare_abs("text", "ids", golden + 1, golden, 0.0).passed


def test_comparison_tensors_that_were_not_compared_fail(tmp_path: Path) -> None:
    save_file({name: torch.ones(1) for name in "abc"}, tmp_path / "unet.safetensors")
    recording = RecordedTensors(tmp_path / "unet.safetensors")
    assert recording["a"].item() == 1
    recording.set_aside(["b"])
    (row,) = recording.left_out()
    assert (row.stage, row.tensor, row.passed) == ("unet", "c (not compared)", False)
    assert "b" in recording
    assert sorted(recording) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("marker", "package"),
    [
        ("useful_ckpts/x", "makeanaudio"),
        ("vc22k/model.pth", "seedvc"),
        ("manifest.json", "styletts2"),
    ],
)
def test_comparison_folders_are_recognised(tmp_path: Path, marker: str, package: str) -> None:
    (tmp_path / marker).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / marker).touch()
    assert [name for name, recognised in comparison.KINDS.items() if recognised(tmp_path)] == [
        package
    ]


def command(monkeypatch: pytest.MonkeyPatch, folder: Path, rows: list[Row], *options: str) -> int:
    """Runs the command on a folder of a package that gives these rows."""
    package = ModuleType("parity.known")
    package.compare = lambda _folder: rows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pipelines.known", ModuleType("pipelines.known"))
    monkeypatch.setitem(sys.modules, "parity.known", package)
    monkeypatch.setattr(comparison, "KINDS", {"known": lambda _folder: True})
    return comparison.main([str(folder), *options])


GOOD = Row("unet", "eps", 1e-6, 2e-6, 3e-5, passed=True)
BAD = Row("vae", "mel", math.inf, math.nan, 5e-5, passed=False)


def test_comparison_status_and_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command(monkeypatch, tmp_path, [GOOD]) == 0
    assert "1 compared, 0 failed" in capsys.readouterr().out
    assert command(monkeypatch, tmp_path, [GOOD, BAD]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["stage", "tensor", "max", "abs", "rel", "rms", "tolerance"]
    assert lines[1].split() == ["unet", "eps", "1.0e-06", "2.0e-06", "3.0e-05", "pass"]
    assert lines[2].split() == ["vae", "mel", "inf", "nan", "5.0e-05", "FAIL"]
    assert lines[3] == "2 compared, 1 failed"
    assert command(monkeypatch, tmp_path, []) == 1, "nothing compared is no success"


def test_comparison_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command(monkeypatch, tmp_path, [GOOD, BAD], "--json") == 1
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "stage": "unet",
        "tensor": "eps",
        "max_abs": 1e-6,
        "rel_rms": 2e-6,
        "tolerance": 3e-5,
        "passed": True,
    }
    assert second["max_abs"] is None


def test_comparison_unknown_folders_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        comparison.main([str(tmp_path)])
    assert caught.value.code != 0
    assert "not a folder of recordings" in capsys.readouterr().err
