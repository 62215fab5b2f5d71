from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

import httpx
import psutil
import pytest
import soundfile

from serve_app.cli.demo import free_port
from tests.system import processes
from tests.waiting import until

BERNIE = [sys.executable, "-c", "from serve_app.cli.main import app; app()"]


class BernieUp:
    """`bernie up` in a process of its own."""

    def __init__(
        self,
        environment: dict[str, str],
        port: int,
        stderr: int | None = None,
        stdout: int | None = None,
        start_seconds: float = 150,
        group: bool = False,
    ) -> None:
        """`start_seconds`: how many seconds it may take until it is ready."""
        command = [*BERNIE, "up", "--port", str(port), "--dashboard-port", str(free_port())]
        self._start_seconds = start_seconds
        self.url = f"http://127.0.0.1:{port}"
        self.process = processes.start(
            command, environment, stdout=stdout, stderr=stderr, group=group
        )

    def __enter__(self) -> Self:
        try:
            until(self.ready, self._start_seconds, "the server is ready")
        except BaseException:
            processes.end(self.process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            assert processes.interrupt(self.process) == 0, "bernie up has failed"
        finally:
            processes.end(self.process)

    def ready(self) -> bool:
        assert self.process.poll() is None, "bernie up has ended"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


@pytest.mark.timeout(400)
def test_up_stops_cleanly_keeps_its_data_and_ends_with_its_store(tmp_path: Path) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "BERNIE_DATA_DIR": str(tmp_path / "data"),
        "BERNIE_SPEECH__PIPELINE": "noop",
        "BERNIE_SOUND_EFFECTS__PIPELINE": "make-an-audio",
        "BERNIE_CONVERSION__PIPELINE": "off",
        "BERNIE_URL": f"http://127.0.0.1:{port}",
    }
    spoken = tmp_path / "hello.flac"
    say = [*BERNIE, "say", "Hello there.", "-o", str(spoken)]
    with (tmp_path / "log").open("wb") as log, BernieUp(environment, port, log.fileno()):
        subprocess.run(say, env=environment, check=True, timeout=60)
    samples, rate = soundfile.read(spoken)
    assert len(samples) / rate > 0.3
    output = (tmp_path / "log").read_text()
    assert "Text to speech: noop" in output
    assert "Sound effects: not installed; bernie fetch make-an-audio" in output
    assert output.endswith("Stopping…\nStopped.\n")

    up = BernieUp(environment, port, stderr=subprocess.PIPE)
    try:
        until(up.ready, 150, "the server is ready")
        assert_data_are_there(up, (tmp_path / "data/api-key").read_text(), spoken)
        second = subprocess.run([*BERNIE, "up"], env=environment, capture_output=True, timeout=60)
        assert second.returncode == 1
        assert "Bernie already runs on" in second.stderr.decode()
        assert_it_ends_with_its_store(up)
    finally:
        processes.end(up.process)


def assert_data_are_there(up: BernieUp, key: str, spoken: Path) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    (clip,) = httpx.get(f"{up.url}/api/clips", headers=headers).json()["items"]
    assert clip["text"] == "Hello there."
    assert httpx.get(clip["audio"]["url"]).content == spoken.read_bytes()


def assert_it_ends_with_its_store(up: BernieUp) -> None:
    children = psutil.Process(up.process.pid).children()
    (weed,) = (each for each in children if each.name() == "weed")
    weed.kill()
    _, output = up.process.communicate(timeout=90)
    assert up.process.returncode == 1
    assert "The object store ended" in output.decode()
    assert "Traceback" not in output.decode()
