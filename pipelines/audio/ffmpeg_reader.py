"""Sound files as FFmpeg reads them: in a process for each file, which is ended at its limits.

The process is a new program, not a copy of this one with its threads and secrets, and lives no
longer than the block that reads from it. Starting it takes about 0.1 s of computing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore, Timer
from typing import IO

import numpy as np

from pipelines.audio.ffmpeg_status import Status
from pipelines.audio.readers import (
    BLOCK,
    LEAST_SPEED,
    START_SECONDS,
    Block,
    Fault,
    Unreadable,
)

MOST_PROCESSES = 2
_PLACES = BoundedSemaphore(MOST_PROCESSES)
WALL_SECONDS = 30.0
"""How long a process lives at most. Its own limit of computing comes first on any machine that
gives it a share of its time."""
_PROGRAM = "pipelines.audio.ffmpeg_program"
_MOST_HEAD = 200
_SAMPLE_BYTES = 4


class FFmpegReader:
    """An open file."""

    frames: int | None = None

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        """Raises Unreadable where there is no sound in the file."""
        self._process = process
        self._output = output
        head = output.readline(_MOST_HEAD)
        if not head.endswith(b"\n"):
            self._check_end(Fault.NOT_AUDIO)
            raise Unreadable(Fault.NOT_AUDIO)
        shape = json.loads(head)
        self.sample_rate = int(shape["rate"])
        self.channels = int(shape["channels"])

    def blocks(self) -> Iterator[Block]:
        width = self.channels * _SAMPLE_BYTES
        while data := self._output.read(BLOCK * width):
            whole = len(data) // width * width
            yield np.frombuffer(data[:whole], np.float32).reshape(-1, self.channels)
        self._check_end(Fault.DAMAGED)

    def _check_end(self, otherwise: Fault) -> None:
        """Raises Unreadable unless all is read; `otherwise` where FFmpeg found a fault."""
        code = self._process.wait()
        if code < 0:
            # A signal: by one of its limits, or a fault of FFmpeg that this file brings out.
            raise Unreadable(Fault.TOO_SLOW)
        if code not in set(Status):
            raise RuntimeError(f"{_PROGRAM} cannot be run: it ended with status {code}")
        status = Status(code)
        if status is not Status.COMPLETE:
            raise Unreadable(otherwise if status is Status.DAMAGED else Fault[status.name])


@contextmanager
def opened(data: bytes, demuxer: str, longest_seconds: float) -> Iterator[FFmpegReader]:
    """The file, for the block; at most a little more than `longest_seconds` of it are read. Raises
    Unreadable."""
    command = [sys.executable, "-P", "-m", _PROGRAM, demuxer]
    command += [str(limit) for limit in (longest_seconds, START_SECONDS, LEAST_SPEED)]
    paths = os.pathsep.join(path or os.curdir for path in sys.path)
    with (
        _PLACES,
        subprocess.Popen(  # noqa: S603 - a program of ours, whose arguments are numbers
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
        ) as process,
    ):
        deadline = Timer(WALL_SECONDS, process.kill)
        deadline.daemon = True
        deadline.start()
        try:
            yield _started(process, data)
        finally:
            deadline.cancel()
            process.kill()


def _started(process: subprocess.Popen[bytes], data: bytes) -> FFmpegReader:
    """The program reads all before it writes anything."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without pipes")
    with suppress(BrokenPipeError):
        process.stdin.write(data)
    with suppress(BrokenPipeError):
        process.stdin.close()
    return FFmpegReader(process, process.stdout)
