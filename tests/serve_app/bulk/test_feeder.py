"""The command over a real database and store, with a worker whose stages are in this process."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from serve_app.db.engine import Database
from serve_app.db.models import Batch, BatchState, Clip, LedgerEntry
from serve_app.maintenance.doctor import batches as doctor
from serve_app.maintenance.doctor.check_context import CheckContext
from tests.postgres import Postgres
from tests.serve_app.actions import make_user
from tests.serve_app.worker_harness import WorkerHarness

RUN = [sys.executable, "-m", "serve_app.bulk", "run"]


class BulkHarness(WorkerHarness):
    """A worker in this process, and feeders that are processes."""

    folder: Path
    url: str

    def manifest(self, count: int, **bad: Any) -> Path:
        """`count` short lines; `bad` replaces fields of line 2."""
        path = self.folder / "lines.jsonl"
        lines = [{"id": f"line-{at}", "text": f"Line {at}."} for at in range(1, count + 1)]
        lines[1] = {**lines[1], **bad}
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    @property
    def output(self) -> str:
        return f"out-{self.folder.name}/"

    def feeder(self, manifest: Path, *options: str) -> subprocess.Popen[str]:
        settings = self.settings
        environment = {
            **os.environ,
            "BERNIE_DATABASE_URL": self.url,
            "BERNIE_DATA_DIR": str(self.folder),
            "BERNIE_S3_ENDPOINT": settings.s3_endpoint,
            "BERNIE_S3_ACCESS_KEY": settings.s3_access_key.get_secret_value(),
            "BERNIE_S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
            "BERNIE_S3_BUCKET": settings.s3_bucket,
            "BERNIE_SPEECH__PIPELINE": "noop",
            "BERNIE_CONVERSION__PIPELINE": "off",
            "BERNIE_SOUND_EFFECTS__PIPELINE": "off",
            "BERNIE_LEASE_SECONDS": "1",
            "BERNIE_POLL_SECONDS": "0.05",
            "BERNIE_BULK_WINDOW": "40",
        }
        command = [*RUN, "--manifest", str(manifest), "--user", self.user.email]
        command += ["--default", "voice=af_heart", *options]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def to_end(self, manifest: Path, *options: str, seconds: float = 120) -> tuple[int, str]:
        """Exit code and log of a feeder, while a worker runs."""

        async def go() -> tuple[int, str]:
            async with self.working():
                process = self.feeder(manifest, *options)
                log, _ = await asyncio.to_thread(process.communicate, timeout=seconds)
                return process.returncode, log

        return asyncio.run(go())

    def batch(self) -> Batch:
        with self.database.reading() as session:
            return session.scalars(select(Batch)).one()

    def results(self) -> list[dict[str, Any]]:
        keys = sorted(k for k in self.store.keys(self.output) if "/results-" in k)
        return [json.loads(line) for key in keys for line in self.store.get(key).splitlines()]

    def charged(self) -> tuple[int, int]:
        """Charges, and clips that were charged."""
        entries = select(func.count(), func.count(LedgerEntry.clip_id.distinct()))
        with self.database.reading() as session:
            count, clips = session.execute(entries.where(LedgerEntry.reason == "clip")).one()
            return count, clips

    def findings(self) -> list[str]:
        context = CheckContext(self.database, self.store, self.settings, 60, deep=False)
        return [each.problem for each in doctor.sums(context)]


@pytest.fixture
def database(postgres_database: Database) -> Database:
    """Feeders and workers are processes of their own, as they are on PostgreSQL."""
    return postgres_database


@pytest.fixture
def bulk(harness: WorkerHarness, tmp_path: Path) -> BulkHarness:
    made = BulkHarness(harness.settings, harness.database, harness.store, harness.user)
    made.folder = tmp_path
    url = harness.database.engine.url
    made.url = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)
    return made


def s3(bulk: BulkHarness) -> str:
    return f"s3://{bulk.settings.s3_bucket}/{bulk.output}"


@pytest.mark.timeout(200)
def test_batch_ends_with_results_in_order_and_a_summary(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(90)
    options = ("--output", s3(bulk), "--default", "format=opus")
    code, log = bulk.to_end(manifest, *options)
    assert code == 0, log
    results = bulk.results()
    assert [each["id"] for each in results] == [f"line-{at}" for at in range(1, 91)]
    assert all(each["s3_key"].endswith(f"/{each['id']}.opus") for each in results)
    for each in results[:5]:
        assert bulk.store.head(each["s3_key"]).bytes == each["bytes"]
    summary = json.loads(bulk.store.get(f"{bulk.output}summary.json"))
    assert (summary["succeeded"], summary["credits"]) == (90, 4_500)
    assert bulk.charged() == (90, 90)
    assert bulk.findings() == []
    code, log = bulk.to_end(manifest, *options)
    assert code == 0, log
    assert bulk.charged() == (90, 90), "the same command again does nothing"


def test_invalid_line_refuses_the_batch_unless_skipped(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(20, speed=9)
    code, log = bulk.to_end(manifest)
    assert code == 4, log
    assert "line 2 (line-2, speed): invalid_input" in log
    with bulk.database.reading() as session:
        assert session.scalars(select(func.count()).select_from(Batch)).one() == 0
    code, log = bulk.to_end(manifest, "--skip-invalid", "--output", s3(bulk))
    assert code == 3, log
    assert [each["state"] for each in bulk.results()].count("succeeded") == 19
    errors = bulk.store.get(f"{bulk.output}errors.jsonl").splitlines()
    assert [json.loads(line)["error"]["field"] for line in errors] == ["speed"]
    assert bulk.findings() == []


def test_check_starts_nothing(bulk: BulkHarness) -> None:
    code, log = bulk.to_end(bulk.manifest(20), "--check")
    assert (code, "20 lines, 0 of them invalid" in log) == (0, True)
    with bulk.database.reading() as session:
        assert session.scalars(select(func.count()).select_from(Batch)).one() == 0


def test_batch_that_costs_too_much_is_refused(bulk: BulkHarness) -> None:
    code, log = bulk.to_end(bulk.manifest(201))
    assert code == 4, log
    assert "costs 10050 credits and 10000 are available" in log


@pytest.mark.timeout(280)
def test_killed_feeders_lose_and_double_nothing(bulk: BulkHarness) -> None:
    """Killed at random moments, the same command goes on; each line is made once."""
    manifest = bulk.manifest(200)
    moments = random.Random(7)

    async def go() -> tuple[int, str]:
        async with bulk.working():
            for _ in range(4):
                process = bulk.feeder(manifest, "--output", s3(bulk))
                await asyncio.sleep(1.5 + 2.5 * moments.random())
                process.kill()
                process.communicate()
            process = bulk.feeder(manifest, "--output", s3(bulk))
            log, _ = await asyncio.to_thread(process.communicate, timeout=150)
            return process.returncode, log

    code, log = asyncio.run(go())
    assert code == 0, log
    assert [each["id"] for each in bulk.results()] == [f"line-{at}" for at in range(1, 201)]
    assert bulk.charged() == (200, 200)
    assert len(bulk.stages.rendered) == 200, "no line was computed again"
    assert bulk.findings() == []


@pytest.mark.timeout(280)
def test_restart_of_the_database_loses_and_doubles_nothing(
    bulk: BulkHarness, postgres: Postgres
) -> None:
    """It is away when the feeder begins, too."""
    with postgres.away():
        process = bulk.feeder(bulk.manifest(150), "--output", s3(bulk))
        assert process.stdout is not None
        assert process.stdout.readline().startswith("waiting for the database")

    async def go() -> tuple[int, str]:
        async with bulk.working():
            await bulk.until(lambda: _leased(bulk) and bulk.batch().succeeded > 0)
            await asyncio.to_thread(postgres.restart, immediate=True)
            log, _ = await asyncio.to_thread(process.communicate, timeout=150)
            return process.returncode, log

    code, log = asyncio.run(go())
    assert code == 0, log
    assert [each["id"] for each in bulk.results()] == [f"line-{at}" for at in range(1, 151)]
    assert bulk.charged() == (150, 150)
    assert bulk.findings() == []


@pytest.mark.timeout(200)
def test_second_feeder_waits_and_takes_over(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(120)
    first = bulk.feeder(manifest, "--output", s3(bulk))
    deadline = time.monotonic() + 60
    while not _leased(bulk) and time.monotonic() < deadline:
        time.sleep(0.05)
    second = bulk.feeder(manifest, "--output", s3(bulk))
    time.sleep(1)
    first.kill()
    first.communicate()

    async def go() -> tuple[int, str]:
        async with bulk.working():
            log, _ = await asyncio.to_thread(second.communicate, timeout=120)
            return second.returncode, log

    code, log = asyncio.run(go())
    assert code == 0, log
    assert bulk.charged() == (120, 120)


def _leased(bulk: BulkHarness) -> bool:
    with bulk.database.reading() as session:
        return session.scalars(select(Batch.lease)).one_or_none() is not None


@pytest.mark.timeout(200)
def test_stopped_feeder_ends_soon_and_leaves_its_lines(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(100)
    process = bulk.feeder(manifest, "--output", s3(bulk))
    deadline = time.monotonic() + 60
    while not _leased(bulk) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    log, _ = process.communicate(timeout=10)
    assert process.returncode == 130, log
    assert "to go on: python -m serve_app.bulk" in log
    assert bulk.batch().state == BatchState.RUNNING
    code, log = bulk.to_end(manifest, "--output", s3(bulk))
    assert code == 0, log
    assert bulk.charged() == (100, 100)


@pytest.mark.timeout(200)
def test_cancelled_batch_ends_with_its_feeder(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(100)
    process = bulk.feeder(manifest, "--output", s3(bulk))
    deadline = time.monotonic() + 60
    while not _leased(bulk) and time.monotonic() < deadline:
        time.sleep(0.05)
    command = [sys.executable, "-m", "serve_app.bulk", "cancel", bulk.batch().id]
    environment = {**os.environ, "BERNIE_DATABASE_URL": bulk.url}
    foreign = [*command, "--user", make_user(bulk.database, "bob").email]
    assert subprocess.run(foreign, env=environment).returncode == 4
    subprocess.run([*command, "--user", bulk.user.email], env=environment, check=True)
    log, _ = process.communicate(timeout=60)
    assert process.returncode == 130, log
    batch = bulk.batch()
    assert (batch.state, batch.cancelled, batch.charged) == (BatchState.CANCELLED, 100, 0)
    assert bulk.findings() == []


def test_partial_batch_has_what_the_credits_pay_for(bulk: BulkHarness) -> None:
    code, log = bulk.to_end(bulk.manifest(205), "--partial", "--expires", "1h")
    assert code == 0, log
    assert "the credits pay for 200 of 205 lines" in log
    batch = bulk.batch()
    assert (batch.total, batch.succeeded, batch.charged) == (200, 200, 10_000)
    assert batch.expires_at is not None
    assert bulk.findings() == []
    assert bulk.to_end(bulk.folder / "lines.jsonl", "--expires", "soon")[0] == 4


def test_same_batch_gives_the_same_seeds(bulk: BulkHarness) -> None:
    code, log = bulk.to_end(bulk.manifest(5), "--output", s3(bulk), "--batch-id", "june")
    assert code == 0, log
    with bulk.database.reading() as session:
        seeds = [clip.options["seed"] for clip in session.scalars(select(Clip))]
    assert len(set(seeds)) == 5
