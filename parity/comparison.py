"""Compares this project's models with recorded outputs of the reference implementations.

    python -m parity DIR [--json]

DIR holds a checkpoint, its configuration and the tensors that the reference computed with it. Every
stage runs from its recorded input, and the pipeline from end to end; the exit status is 1 if any
tensor differs by more than its tolerance or was left out.

Stages run as they are served, with the convolutions of this machine, but in float32: recordings are
of float32, and tolerances a few times what that type leaves.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Row:
    """One tensor compared with its recording.

    `max_abs` is the largest absolute difference, `rel_rms` the root mean square of the difference
    over the standard deviation of the recording. `tolerance` bounds the one that the
    specification of the model names, and `passed` tells whether it is kept.
    """

    stage: str
    tensor: str
    max_abs: float
    rel_rms: float
    tolerance: float
    passed: bool


def compare_rms(stage: str, tensor: str, ours: Tensor, golden: Tensor, tolerance: float) -> Row:
    """A row that passes if its relative rms error is at most `tolerance`."""
    max_abs, rel_rms = _errors(ours, golden)
    return Row(stage, tensor, max_abs, rel_rms, tolerance, rel_rms <= tolerance)


def compare_abs(stage: str, tensor: str, ours: Tensor, golden: Tensor, tolerance: float) -> Row:
    """A row that passes if its largest absolute error is at most `tolerance`."""
    max_abs, rel_rms = _errors(ours, golden)
    return Row(stage, tensor, max_abs, rel_rms, tolerance, max_abs <= tolerance)


def _errors(ours: Tensor, golden: Tensor) -> tuple[float, float]:
    """Infinite where the shapes differ; not a number, which passes nothing, where `ours` is not."""
    if ours.shape != golden.shape or golden.numel() == 0:
        return math.inf, math.inf
    ours, golden = ours.double(), golden.double()
    difference = (ours - golden).abs()
    rms = difference.square().mean().sqrt().item()
    spread = golden.std(correction=0).item()
    if spread == 0:
        # A constant recording has no scale of its own beyond its value.
        spread = golden.abs().max().item() or 1.0
    return difference.max().item(), rms / spread


class RecordedTensors:
    """The tensors of one safetensors file, which remembers those that were asked for."""

    def __init__(self, path: Path) -> None:
        """Raises FileNotFoundError."""
        self.name = path.stem
        self._tensors = load_file(path)
        self._asked: set[str] = set()

    def __getitem__(self, key: str) -> Tensor:
        self._asked.add(key)
        return self._tensors[key]

    def __contains__(self, key: str) -> bool:
        return key in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def set_aside(self, keys: Iterable[str]) -> None:
        """These are recorded for other uses than comparing."""
        self._asked.update(keys)

    def left_out(self) -> list[Row]:
        """A failing row for each tensor that was neither an input nor compared."""
        return [
            Row(self.name, f"{key} (not compared)", math.nan, math.nan, math.nan, passed=False)
            for key in self._tensors
            if key not in self._asked
        ]


Compare = Callable[[Path], list[Row]]

KINDS: dict[str, Callable[[Path], bool]] = {
    "makeanaudio": lambda folder: (folder / "useful_ckpts").is_dir(),
    "seedvc": lambda folder: any(folder.glob("*/model.pth")),
    "styletts2": lambda folder: (folder / "manifest.json").is_file(),
}
"""How the folder of each pipeline's recordings is recognised."""


def comparison(folder: Path) -> Compare:
    """The function that compares a folder of this kind. Raises ValueError for an unknown one."""
    for package, recognised in KINDS.items():
        if recognised(folder):
            module = importlib.import_module(f"parity.{package}")
            return cast(Compare, module.compare)
    raise ValueError(f"{folder} is not a folder of recordings of a known model")


def table(rows: Sequence[Row]) -> str:
    """The rows as text, one line each, under a heading and above the count of failures."""
    cells = [["stage", "tensor", "max abs", "rel rms", "tolerance", ""]]
    for row in rows:
        numbers = [f"{value:.1e}" for value in (row.max_abs, row.rel_rms, row.tolerance)]
        cells.append([row.stage, row.tensor, *numbers, "pass" if row.passed else "FAIL"])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    failed = sum(not row.passed for row in rows)
    return "\n".join([*lines, f"{len(rows)} compared, {failed} failed"])


def _finite(row: Row) -> dict[str, object]:
    """The row's fields; JSON has no infinities and no NaN, so they become null."""
    fields = dataclasses.asdict(row)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m parity")
    parser.add_argument("folder", type=Path, help="checkpoint with recorded tensors")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        compare = comparison(options.folder)
    except ValueError as error:
        parser.error(str(error))
    with torch.inference_mode():
        rows = compare(options.folder)
    if options.json:
        print(json.dumps([_finite(row) for row in rows], indent=1))
    else:
        print(table(rows))
    return 0 if rows and all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
