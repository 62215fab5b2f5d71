"""The process that FFmpeg runs in: what it may do, and that nothing of it stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipelines.audio import ffmpeg_reader
from pipelines.audio.decoding import decode
from pipelines.audio.ffmpeg_reader import opened
from pipelines.audio.readers import Fault, Unreadable
from pipelines.protocol import InvalidInput
from tests.pipelines.audio.sound_files import muxed, tone

M4A = muxed(tone(1.0, 48_000), 48_000, "ipod", "aac")


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def run(program: str) -> subprocess.CompletedProcess[str]:
    """After the imports of the process, in one of its own."""
    source = f"from pipelines.audio.ffmpeg_program import *\n{program}"
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)


def test_no_process_is_left_however_reading_ends() -> None:
    before = children()
    decode(M4A, "upload", 2.0)
    with pytest.raises(InvalidInput):
        decode(M4A, "upload", 0.1)
    with pytest.raises(InvalidInput):
        decode(M4A[:1_000], "upload", 2.0)
    with suppress(KeyError), opened(M4A, "mov", 2.0):
        assert children() != before
        raise KeyError
    assert children() == before


def test_a_process_is_ended_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg_reader, "WALL_SECONDS", 0.001)
    before = children()
    with pytest.raises(Unreadable) as caught, opened(M4A, "mov", 2.0):
        pass
    assert caught.value.fault is Fault.TOO_SLOW
    assert children() == before


def test_a_process_ends_when_nobody_reads_any_more() -> None:
    """As when the one that reads is killed: it fills the pipe, and then cannot write."""
    long = muxed(np.zeros(60 * 48_000), 48_000, "ipod", "alac")
    with opened(long, "mov", 120.0) as reader:
        process = reader._process
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=20) != 0


def test_so_many_processes_run_at_a_time() -> None:
    third = threading.Event()

    def read() -> None:
        decode(M4A, "upload", 2.0)
        third.set()

    with opened(M4A, "mov", 2.0):
        with opened(M4A, "mov", 2.0):
            thread = threading.Thread(target=read)
            thread.start()
            assert not third.wait(1.0)
        assert third.wait(20)
    thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_process_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BERNIE_S3_SECRET_KEY", "hidden")
    with opened(M4A, "mov", 2.0) as reader:
        known = Path(f"/proc/{reader._process.pid}/environ").read_bytes()
        files = os.listdir(f"/proc/{reader._process.pid}/fd")  # noqa: PTH208
    assert b"PYTHONPATH=" in known
    assert b"hidden" not in known
    assert set(files) <= {"0", "1", "2"}


def test_a_program_that_cannot_run_is_no_fault_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ffmpeg_reader, "_PROGRAM", "pipelines.audio.no_such_program")
    with pytest.raises(RuntimeError, match="cannot be run"):
        decode(M4A, "upload", 2.0)


def test_it_imports_little() -> None:
    ran = run("print({'numpy', 'torch', 'soundfile'} & set(sys.modules))")
    assert ran.stdout == "set()\n"


def test_it_may_not_open_files_nor_take_more_memory_or_time() -> None:
    program = """
confine(2)
for attempt in (lambda: open("/etc/hosts"), lambda: bytearray(MEMORY_BYTES)):
    try:
        attempt()
    except (OSError, MemoryError) as error:
        print(type(error).__name__, flush=True)
while True:
    pass
"""
    ran = run(program)
    assert ran.stdout == "OSError\nMemoryError\n"
    assert ran.returncode < 0


@pytest.mark.parametrize(
    ("name", "reference"),
    [("dref", b"file:///etc/hosts"), ("concat", b"ffconcat version 1.0\nfile /etc/hosts\n")],
)
def test_no_other_file_is_reached_through_one(name: str, reference: bytes) -> None:
    """Lists and references are not even looked at: each kind has one demuxer."""
    for data in (reference, M4A[:40] + reference + M4A[40:], b"RIFF\0\0\0\0WAVE" + reference):
        with pytest.raises(InvalidInput) as caught:
            decode(data, "upload", 2.0)
        assert caught.value.code in {"not_audio", "bad_audio"}
