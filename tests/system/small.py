"""`bernie up` without models, in an environment where no virtual environment is activated: what the
tests of its start, its end and all between share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from serve_app.cli.ports import free_port
from tests.system import processes
from tests.system.bernie_up import BERNIE, BernieUp
from tests.waiting import until

START_SECONDS = 240


class HealthPoller:
    """Polls `/healthz` in a thread, each time over a new connection; `answers` are in order."""

    def __init__(self, url: str) -> None:
        self.answers: list[httpx.Response] = []
        self._url = url
        self._ended = threading.Event()

    def run(self) -> None:
        once = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=self._url, timeout=10, limits=once, verify=False) as client:
            while not self._ended.wait(0.02):
                try:
                    self.answers.append(client.get("/healthz"))
                except httpx.HTTPError:
                    continue

    @property
    def statuses(self) -> set[int]:
        return {each.status_code for each in self.answers}

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()


class SmallSystem:
    """A folder, and `bernie up` on it, which is started again after a test has stopped it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self.log = folder / "log"
        self.spoken = folder / "hello.flac"
        """What the first start said for `key`, as the clip with `clip_id`."""
        self.clip_id = ""
        self.starts = 0
        self.at_start: list[httpx.Response] = []
        """What `/healthz` answered until the latest start was ready."""
        activated = str(Path(sys.executable).parent)
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join(
                each for each in os.environ["PATH"].split(os.pathsep) if each != activated
            ),
            "BERNIE_DATA_DIR": str(self.data),
            "BERNIE_SPEECH__PIPELINE": "noop",
            "BERNIE_SOUND_EFFECTS__PIPELINE": "make-an-audio",
            "BERNIE_CONVERSION__PIPELINE": "off",
            "BERNIE_THROTTLE_STARTS": "1000",
            "BERNIE_WORKER_CLIPS": "3",
            "BERNIE_BULK_WINDOW": "20",
            "BERNIE_DRAIN_SECONDS": "10",
            "BERNIE_URL": f"http://127.0.0.1:{self.port}",
            "COLUMNS": "1000",
        }
        self._running: BernieUp | None = None

    @property
    def key(self) -> str:
        return (self.data / "api-key").read_text()

    def up(self) -> BernieUp:
        """The running system; starts it where it does not run."""
        if self._running is None or self._running.process.poll() is not None:
            self._start()
        assert self._running is not None
        return self._running

    def poller(self) -> HealthPoller:
        return HealthPoller(f"http://127.0.0.1:{self.port}")

    def stop(self, number: int) -> None:
        """Stops it with a signal, in order."""
        assert processes.interrupt(self.up().process, number=number) == 0
        # Ray may tell at the end which processes an earlier test has killed.
        own = [line for line in self.output().splitlines() if "(raylet)" not in line]
        assert own[-2:] == ["Stopping…", "Stopped."], self.output()

    def output(self) -> str:
        """Of the latest start, without white space at its end."""
        return self.log.read_text().rstrip()

    def end(self) -> None:
        if self._running is not None:
            processes.end(self._running.process)

    def _start(self) -> None:
        with self.log.open("wb") as log:
            up = BernieUp(self.environment, self.port, log.fileno(), log.fileno(), group=True)
        self._running = up
        poller = self.poller()
        with poller.running():
            until(up.ready, START_SECONDS, "the server is ready")
        until(lambda: "Ray dashboard: " in self.output(), 60, "all is said about it")
        self.at_start = poller.answers
        self.starts += 1
        if not self.clip_id:
            say = [*BERNIE, "say", "Hello there.", "-o", str(self.spoken)]
            subprocess.run(say, env=self.environment, check=True, timeout=60)
            headers = {"Authorization": f"Bearer {self.key}"}
            (clip,) = httpx.get(f"{up.url}/api/clips", headers=headers).json()["items"]
            self.clip_id = clip["id"]
