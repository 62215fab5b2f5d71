"""`python -m tests.chaos.bulk --seed 1`: batches on a system whose parts are killed meanwhile.

The same lines are made three times: by `bernie bulk` on a system that is left alone, and then at
once by `bernie bulk` and by a Ray job while each part is struck, at moments that a seed draws. A
command that ends without success is given again, as its user would. In the end every line is
there, is charged once, and is byte for byte what it was in the first batch.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from serve_app.cli.common import LOCAL_USER
from serve_app.db.models import Batch, Clip, LedgerEntry
from serve_app.media.batches.places import ObjectPlace
from serve_app.media.batches.results import audio_key, part_key
from tests.chaos import verdict
from tests.chaos.plan import Event, Injection
from tests.chaos.promises import Promise, show_promises
from tests.chaos.stack import Stack
from tests.system.bernie_up import BERNIE
from tests.waiting import until

FEEDER = "feeder"
STRIKES = (
    Event(0, Injection.KILL, replica=FEEDER),
    Event(0, Injection.KILL, replica="worker"),
    Event(0, Injection.KILL, replica="ingress"),
    Event(0, Injection.KILL, replica="styletts2-vocoder"),
    Event(0, Injection.POSTGRES_IMMEDIATE),
    Event(0, Injection.STORE_KILL),
    Event(0, Injection.STACK_KILL),
)
"""The last is the head node with everything on it."""
_ENVIRONMENT = {
    "BERNIE_CONVERSION__PIPELINE": "off",
    "BERNIE_SOUND_EFFECTS__PIPELINE": "off",
    "BERNIE_SIGN_UP_CREDITS": str(10**9),
}
_COMMAND_SECONDS = 600.0
_COMMANDS = 30
_IDLE_SECONDS = 400.0
"""Longest time in which no line of a struck batch ends: a start of the system is among it."""
_TIDY_SECONDS = 100.0
_RECOVERY_SECONDS = 60.0
_DEFAULTS = {"voice": "af_heart", "format": "wav"}


def plan(seed: int) -> list[tuple[float, Event]]:
    """Each strike once, at a share of the lines that have ended."""
    chance = random.Random(seed)
    strikes = chance.sample(STRIKES, len(STRIKES))
    return list(zip(sorted(chance.uniform(0.02, 0.9) for _ in strikes), strikes, strict=True))


class Batches:
    """The batches of one run. `begin` each, and wait for what it gives."""

    def __init__(self, stack: Stack, folder: Path, lines: int) -> None:
        self.stack, self.folder, self.lines = stack, folder, lines
        self.ids = [f"line-{number}" for number in range(lines)]
        self.commands: Counter[str] = Counter()
        """How often the command of each batch was given."""
        self._threads = ThreadPoolExecutor(2)
        # A seed of its own makes a line the same in every batch.
        made = [
            {"id": name, "text": f"This is {name}.", "seed": at} for at, name in enumerate(self.ids)
        ]
        self._manifest = "".join(json.dumps(line) + "\n" for line in made).encode()
        (folder / "lines.jsonl").write_bytes(self._manifest)

    def begin_over_http(self, name: str) -> Future[None]:
        where = ["--output", str(self.folder / name), "--format", _DEFAULTS["format"]]
        command = [*BERNIE, "bulk", str(self.folder / "lines.jsonl"), *where]
        return self._threads.submit(self._to_end, name, lambda: command)

    def begin_as_job(self, name: str) -> Future[None]:
        bucket = self.stack.settings.s3_bucket
        self.stack.store.put(f"in/{name}.jsonl", self._manifest, "application/x-ndjson")
        ray = [str(Path(sys.executable).parent / "ray"), "job", "submit"]
        run = ["python", "-m", "serve_app.bulk", "run", "--user", LOCAL_USER]
        run += ["--manifest", f"s3://{bucket}/in/{name}.jsonl"]
        run += ["--output", f"s3://{bucket}/out/{name}/"]
        for field, value in _DEFAULTS.items():
            run += ["--default", f"{field}={value}"]

        def command() -> list[str]:
            dashboard = self.stack.up.dashboard
            return [*ray, "--address", dashboard, "--", *run]

        return self._threads.submit(self._to_end, name, command)

    def _to_end(self, name: str, command: Callable[[], list[str]]) -> None:
        settings = self.stack.settings
        environment = {
            **os.environ,
            "BERNIE_URL": self.stack.url,
            "BERNIE_DATA_DIR": str(settings.data_dir),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(settings.data_dir / "ray-token"),
        }
        environment.pop("RAY_AUTH_TOKEN", None)
        with (self.folder / f"{name}.log").open("wb") as log:
            for _ in range(_COMMANDS):
                self.commands[name] += 1
                with suppress(subprocess.TimeoutExpired):
                    ended = subprocess.run(
                        command(),
                        env=environment,
                        stdout=log,
                        stderr=log,
                        timeout=_COMMAND_SECONDS,
                    )
                    if ended.returncode == 0:
                        return
                time.sleep(2)
        raise AssertionError(f"{name} does not end:\n{self.log(name)}")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3_000:]

    def from_folder(self, name: str) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
        """The results of a batch over HTTP, and its audio by line."""
        folder = self.folder / name
        results = _json_lines((folder / "results.jsonl").read_bytes())
        return results, {path.stem: path.read_bytes() for path in folder.glob("line-*.wav")}

    def from_store(self, name: str) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
        """The same of a job."""
        place, store = ObjectPlace(self.stack.settings.s3_bucket, f"out/{name}/"), self.stack.store
        results = _json_lines(store.get(part_key(place, 0)))
        form = _DEFAULTS["format"]
        made = [each["id"] for each in results if each["state"] == "succeeded"]
        return results, {line: store.get(audio_key(place, line, form)) for line in made}


def _json_lines(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def carry_out(seed: int, lines: int, say: Callable[[str], None]) -> list[Promise]:
    """Raises AssertionError where a batch or the system does not end or go on."""
    begun = time.monotonic()

    def timed(text: str) -> None:
        say(f"{time.monotonic() - begun:6.1f} s  {text}")

    with tempfile.TemporaryDirectory(prefix="bernie-chaos-") as name:
        folder = Path(name)
        timed(f"starting; seed {seed}")
        with Stack(folder, seed, **_ENVIRONMENT) as stack:
            batches = Batches(stack, folder, lines)
            timed(f"{lines} lines, undisturbed")
            batches.begin_over_http("calm").result()
            timed("the same twice, struck")
            under_way = [batches.begin_over_http("struck"), batches.begin_as_job("job")]
            _strike(stack, seed, lines, under_way, timed)
            for each in under_way:
                each.result()
            given = ", ".join(f"{name} {count}" for name, count in batches.commands.items())
            timed(f"all batches have ended; commands given: {given}")
            verdict.settle(stack, _TIDY_SECONDS)
            timed("looking at everything")
            return _judge(batches)


def _strike(
    stack: Stack,
    seed: int,
    lines: int,
    under_way: Sequence[Future[None]],
    say: Callable[[str], None],
) -> None:
    """Lines of the first batch are not counted."""
    for share, event in plan(seed):
        waited = time.monotonic()
        last = lines
        while (ended := _ended(stack, last)) < lines + share * 2 * lines:
            if ended > last:
                last, waited = ended, time.monotonic()
            assert time.monotonic() < waited + _IDLE_SECONDS, "no line has ended for long"
            assert not all(each.done() for each in under_way), "the batches ended too soon"
            time.sleep(0.1)
        done = _kill_feeder(stack) if event.replica == FEEDER else stack.strike(event)
        say(f"at {share:.0%}: {done}")


def _kill_feeder(stack: Stack) -> str:
    """A job may just begin again."""
    until(lambda: _feeders(stack), _RECOVERY_SECONDS, "a job feeds its batch")
    for each in _feeders(stack):
        each.kill()
    return "SIGKILL to the feeder of the job"


def _feeders(stack: Stack) -> list[psutil.Process]:
    found = []
    for each in psutil.Process(stack.up.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if each.cmdline()[1:4] == ["-m", "serve_app.bulk", "run"]:
                found.append(each)
    return found


def _ended(stack: Stack, otherwise: int) -> int:
    """Lines of all batches, or what was known before where the database is away."""
    with suppress(SQLAlchemyError), stack.database.reading() as session:
        counts = select(func.sum(Batch.succeeded + Batch.failed))
        return int(session.scalars(counts).one() or 0)
    return otherwise


def _judge(batches: Batches) -> list[Promise]:
    made = {
        "calm": batches.from_folder("calm"),
        "struck": batches.from_folder("struck"),
        "job": batches.from_store("job"),
    }
    calm = made["calm"][1]
    lost, changed = [], []
    for name, (results, audio) in made.items():
        if [each["id"] for each in results] != batches.ids:
            lost.append(f"{name} has {len(results)} results, or another order")
        lost += [f"{name}: {each}" for each in results if each["state"] != "succeeded"]
        changed += [f"{name}: {line}" for line in batches.ids if audio.get(line) != calm[line]]
    counted = 3 * batches.lines
    return [
        Promise("every line succeeded, and the results are in order", counted, lost),
        Promise("its audio is what it is undisturbed", counted, changed),
        Promise("a line is one clip, which is charged once", counted, _mischarged(batches)),
        *verdict.doctors(batches.stack),
    ]


def _mischarged(batches: Batches) -> list[str]:
    charges = select(func.count(LedgerEntry.id), func.count(LedgerEntry.clip_id.distinct()))
    broken = []
    with batches.stack.database.reading() as session:
        found = session.scalars(select(Batch)).all()
        for batch in found:
            own = select(Clip.id).where(Clip.batch_id == batch.id)
            clips = session.scalars(select(func.count()).select_from(own.subquery())).one()
            entries = session.execute(charges.where(LedgerEntry.clip_id.in_(own))).one()
            counts = {clips, *entries, batch.succeeded, batch.charged // verdict.PRICE}
            if counts != {batches.lines}:
                broken.append(f"batch {batch.id} has these counts: {sorted(counts)}")
    return broken if len(found) == 3 else [*broken, f"there are {len(found)} batches"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
    parser.add_argument("--lines", type=int, default=2_000)
    options = parser.parse_args()
    promises = carry_out(options.seed, options.lines, lambda line: print(line, flush=True))
    show_promises(f"seed {options.seed}", promises, Console(width=110))
    return 1 if any(promise.broken for promise in promises) else 0


if __name__ == "__main__":
    sys.exit(main())
