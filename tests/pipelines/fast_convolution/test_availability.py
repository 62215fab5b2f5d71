from __future__ import annotations

import logging
import platform

import pytest

from pipelines.fast_convolution import availability


def test_work_here_only_on_processors_they_were_measured_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not availability.work_here.__wrapped__()


@pytest.mark.parametrize("right", [True, False])
def test_work_here_only_if_the_result_is_right(
    monkeypatch: pytest.MonkeyPatch, right: bool
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(availability, "_has_instructions", lambda: True)
    monkeypatch.setattr(availability, "TOLERANCE", 1e-3 if right else 0.0)
    assert availability.work_here.__wrapped__() is right


def test_work_here_is_false_where_nothing_compiles(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> bool:
        raise OSError("no such library")

    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(availability, "_has_instructions", broken)
    with caplog.at_level(logging.WARNING):
        assert not availability.work_here.__wrapped__()
    assert "do not compile" in caplog.text
