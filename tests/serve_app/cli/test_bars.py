"""What commands show while something takes long, on a terminal and in a log."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.progress import BarColumn

from serve_app.cli import bars

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


def shown(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> str:
    """What a bar and the steps of a download print."""
    output = io.StringIO()
    monkeypatch.setattr(bars, "console", Console(file=output, force_terminal=terminal, width=60))
    with bars.bar_of(BarColumn()) as bar:
        bar.advance(bar.add_task("", total=2))
    with bars.step_bar("Weights of kokoro") as report:
        for size in (1, 2, 3):
            report(f"Downloading voice[1].bin: {size} of 3 MB", size / 4)
        report("Checking the download", 0.9)
    return output.getvalue()


def test_log_gets_a_line_for_each_step_and_no_control_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = shown(monkeypatch, terminal=False)
    assert log == "Downloading voice[1].bin…\nChecking the download…\n"


def test_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = shown(monkeypatch, terminal=True)
    assert "━" in screen
    assert _CONTROL.search(screen)


def test_fetch_of_what_is_there_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr(bars, "console", Console(file=output, force_terminal=False))
    with bars.step_bar("Weights of kokoro"):
        pass
    assert output.getvalue() == ""
