"""Calls that are captured and replayed. A tape stands in for a CUDA graph."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.tape import TapeCapturer
from pipelines.runtime import graphs
from pipelines.runtime.device import configure
from pipelines.runtime.graphs import Capturing, CudaCapturer, Graphed, rounded_up
from pipelines.settings import GraphSettings, PipelineSettings

BUDGET = 1 << 20


class Counted:
    """A function that counts the calls of it that Python makes."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = function
        self.calls = 0

    def __call__(self, *arguments: Any) -> Tensor:
        self.calls += 1
        return self._function(*arguments)


def scaled(x: Tensor, by: Tensor, power: int) -> Tensor:
    return (x * by).pow(power).cumsum(0)


def random(*shape: int) -> Tensor:
    return 1 + torch.rand(*shape)


@pytest.fixture
def capturer() -> TapeCapturer:
    return TapeCapturer()


@pytest.fixture
def captured(capturer: TapeCapturer) -> tuple[Graphed, Counted]:
    function = Counted(scaled)
    return Graphed("scaled", function, Capturing(capturer, BUDGET)), function


def called_four_times(graphed: Graphed, rows: int, power: int = 2) -> None:
    for _ in range(4):
        x, by = random(rows, 3), random(3)
        assert torch.equal(graphed(x, by, power), scaled(x, by, power))


def test_a_replay_gives_what_the_function_gives_for_what_goes_in(
    captured: tuple[Graphed, Counted], capturer: TapeCapturer
) -> None:
    graphed, function = captured
    for rows in (2, 5):
        called_four_times(graphed, rows)
    # Of each four calls the third replays and compares, the fourth only replays; a graph
    # measures what it needs first.
    assert function.calls == 2 * 4
    assert len(capturer.tapes) == 2
    for rows, power in ((2, 2), (5, 2), (5, 3)):
        called_four_times(graphed, rows, power)
    assert function.calls == 3 * 4
    assert len(capturer.tapes) == 3


def test_a_result_stays_when_another_call_is_replayed(captured: tuple[Graphed, Counted]) -> None:
    graphed, _ = captured
    called_four_times(graphed, 2)
    x = random(2, 3)
    first = graphed(x, torch.ones(3), 2)
    graphed(random(2, 3), torch.ones(3), 2)
    assert torch.equal(first, scaled(x, torch.ones(3), 2))


def test_the_graph_that_was_not_used_for_longest_goes(
    captured: tuple[Graphed, Counted], capturer: TapeCapturer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "CAPACITY", 2)
    graphed, _ = captured
    for rows in (1, 2, 1, 3, 1):
        called_four_times(graphed, rows)
    assert len(capturer.tapes) == 3
    called_four_times(graphed, 2)
    assert len(capturer.tapes) == 4


def test_shapes_that_are_met_once_in_a_long_while_are_not_captured(
    captured: tuple[Graphed, Counted], capturer: TapeCapturer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "REMEMBERED", 3)
    graphed, _ = captured
    for rows in (1, 2, 3, 4, 1, 2, 3, 4):
        graphed(random(rows, 3), random(3), 1)
    assert not capturer.tapes


def test_what_waits_for_a_number_is_never_captured(
    capturer: TapeCapturer, caplog: pytest.LogCaptureFixture
) -> None:
    graphed = Graphed("waiting", lambda x: x + x.sum().item(), Capturing(capturer, BUDGET))
    for rows in (1, 2, 3, 4):
        for _ in range(4):
            x = random(rows)
            assert torch.equal(graphed(x), x + x.sum())
    assert not capturer.tapes
    assert not graphed.captures
    assert graphed.rows(5) == 5
    assert len(caplog.records) == graphs.FAILURES
    assert "waiting of 1 runs without a graph: it cannot be captured" in caplog.text
    assert "nothing more is captured" in caplog.records[-1].message


def test_a_number_that_was_captured_instead_of_read_is_found_out(
    capturer: TapeCapturer, caplog: pytest.LogCaptureFixture
) -> None:
    factors = iter(range(1, 9))
    graphed = Graphed("changing", lambda x: x * next(factors), Capturing(capturer, BUDGET))
    found = [float(graphed(torch.ones(1))) for _ in range(5)]
    # The third call is for the graph, of which only the comparison makes use.
    assert found == [1, 2, 4, 5, 6]
    assert len(capturer.tapes) == 1
    assert "gave something else when replayed" in caplog.text


def test_what_needs_too_much_memory_is_never_captured(caplog: pytest.LogCaptureFixture) -> None:
    capturer = TapeCapturer(needed=2 * BUDGET)
    graphed = Graphed("scaled", scaled, Capturing(capturer, BUDGET))
    called_four_times(graphed, 2)
    assert not capturer.tapes
    assert graphed.captures
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "needs 2 MiB of 1" in caplog.text


def test_graphs_go_when_they_outgrow_their_memory(capturer: TapeCapturer) -> None:
    graphed = Graphed("scaled", scaled, Capturing(capturer, budget=150))
    for rows, cleared in ((2, 0), (3, 1), (2, 2)):
        called_four_times(graphed, rows)
        assert capturer.cleared == cleared
        assert graphed.bytes == 3 * rows * 3 * 4  # three results of `scaled`, in float32


def test_warm_up_captures_batches_from_the_largest(capturer: TapeCapturer) -> None:
    function = Counted(scaled)
    graphed = Graphed("scaled", function, Capturing(capturer, BUDGET, max_batch=7, max_length=50))
    met = []

    def run(members: int, _seed: int) -> None:
        met.append(members)
        for _ in range(2):
            graphed(random(members, 3), random(3), 1)

    graphed.warm_up(10, run)
    assert met == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert len(capturer.tapes) == 5
    calls = function.calls
    for members in range(1, 6):
        graphed(random(members, 3), random(3), 1)
    assert function.calls == calls


def test_a_warm_up_that_fails_leaves_the_rest_out(
    capturer: TapeCapturer, caplog: pytest.LogCaptureFixture
) -> None:
    graphed = Graphed("scaled", scaled, Capturing(capturer, BUDGET, max_batch=2, max_length=2))

    def run(_members: int, _seed: int) -> None:
        raise MemoryError("no memory")

    graphed.warm_up(1, run)
    assert "scaled was not captured to the end" in caplog.text
    called_four_times(graphed, 2)


def test_counts_are_rounded_up_to_few() -> None:
    rounded = [rounded_up(count) for count in range(1, 100)]
    assert sorted(set(rounded)) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]
    assert all(2 / 3 < count / most <= 1 for count, most in enumerate(rounded, start=1))


def test_nothingis_captured_on_a_cpu(caplog: pytest.LogCaptureFixture) -> None:
    runtime = configure(PipelineSettings(graphs=GraphSettings(memory_mb=100)))
    assert runtime.graphs is None
    assert "nothing is captured as graphs on the device cpu" in caplog.text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@torch.inference_mode()
def test_a_gpu_captures_and_replays() -> None:
    device = torch.device("cuda")
    graphed = Graphed("scaled", scaled, Capturing(CudaCapturer(device), 1 << 30))
    for rows in (300, 100, 300, 200):
        for _ in range(4):
            x, by = random(rows, 3).to(device), random(3).to(device)
            torch.testing.assert_close(graphed(x, by, 2), scaled(x, by, 2))
    assert graphed.captures
    assert graphed.bytes > 0
