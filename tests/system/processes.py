"""Programs that tests start, stop as Ctrl-C does, and never leave behind."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from tests.orphans import signal_at_parents_end


def start(
    command: list[str],
    environment: dict[str, str],
    folder: Path | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    group: bool = False,
) -> subprocess.Popen[bytes]:
    """`group`: in a process group of its own, which can be signalled as a whole."""
    return subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=partial(_in_child, signal_at_parents_end(signal.SIGTERM)),
        process_group=0 if group else None,
    )


def interrupt(
    process: subprocess.Popen[bytes], seconds: float = 90, number: int = signal.SIGINT
) -> int:
    """Ctrl-C, or another signal; the exit code. Raises AssertionError where it does not end within
    `seconds`, or where any process of it is left; those are killed."""
    family = _family(process)
    process.send_signal(number)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        _kill([*family, *_family(process)], process)
        raise AssertionError(f"{process.args} does not end at the signal") from None
    _, alive = psutil.wait_procs(family, timeout=10)
    names = [each.name() for each in alive if each.is_running()]
    _kill(alive, process)
    assert not names, f"left behind: {names}"
    return code


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills the program and its children, for the end of a test."""
    _kill(_family(process), process)


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill(family: list[psutil.Process], process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for each in family:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue


def _in_child(before_exec: Callable[[], object]) -> None:
    """Where tests run in the background of a shell, children inherit that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    before_exec()
