"""The measurement of a GPU is complete before there is one: it runs on a CPU at reduced widths."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import gpu


def test_every_part_runs_without_a_card(tmp_path: Path) -> None:
    stored = tmp_path / "gpu.json"
    assert gpu.main(["--device", "cpu", "--small", "--json", str(stored)]) == 0
    rows = json.loads(stored.read_text())["rows"]
    assert {row["part"] for row in rows} == {"right", "fast", "batching"}
    stages = sum(len(stages) for stages in gpu.SMALL.values())
    assert sum(row["part"] == "fast" for row in rows) == stages * len(gpu.FEW)
    assert all(row["ms"] > 0 for row in rows if row["part"] == "fast")
    captured = {(row["stage"], row["batch"]) for row in rows if "graph_ms" in row}
    assert {stage for stage, _ in captured} == {
        "style, 5 steps",
        "style, 5 steps, guided",
        "flow, a step",
        "flow, a step, guided",
        "UNet, a step, guided",
    }
    assert {batch for _, batch in captured} == set(gpu.FEW)
    assert not any("graph" in row for row in rows)
    assert sum("graph_decibels" in row for row in rows) == len(captured) // len(gpu.FEW)
    by_step, *others = (row for row in rows if row["part"] == "batching")
    assert by_step["way"] == "by step"
    assert len(others) == 3


def test_a_run_that_is_late_stops_and_keeps_its_rows(tmp_path: Path) -> None:
    stored = tmp_path / "gpu.json"
    gpu.main(["--device", "cpu", "--small", "--seconds", "0", "--json", str(stored)])
    rows = json.loads(stored.read_text())["rows"]
    assert {row["part"] for row in rows} == {"right"}
