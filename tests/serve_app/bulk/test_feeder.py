"""The command over a real database and store, with a worker whose stages are in this process."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
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
from tests.serve_app.bulk.forked import Forked, Parent, parent
from tests.serve_app.worker_harness import WorkerHarness
from tests.waiting import until


class BulkHarness(WorkerHarness):
    """A worker in this process, and feeders that are processes."""

    folder: Path
    url: str
    parent: Parent

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

    def environment(self) -> dict[str, str]:
        settings = self.settings
        return {
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

    def arguments(self, manifest: Path, *options: str) -> list[str]:
        """Of the command."""
        given = ["run", "--manifest", str(manifest), "--user", self.user.email]
        return [*given, "--default", "voice=af_heart", *options]

    def feeder(self, manifest: Path, *options: str) -> Forked:
        return self.start(*self.arguments(manifest, *options))

    def start(self, *arguments: str) -> Forked:
        return self.parent.start(list(arguments), self.environment(), self.folder)

    def to_end(self, manifest: Path, *options: str, seconds: float = 120) -> tuple[int, str]:
        """Exit code and log of a feeder, while a worker runs."""

        async def go() -> tuple[int, str]:
            async with self.working():
                return await asyncio.to_thread(self.feeder(manifest, *options).wait, seconds)

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


@pytest.fixture(scope="module")
def feeders() -> Iterator[Parent]:
    with parent() as forks:
        yield forks


@pytest.fixture
def bulk(harness: WorkerHarness, tmp_path: Path, feeders: Parent) -> BulkHarness:
    # No clip is lost to its worker, however late that is.
    settings = harness.settings.model_copy(update={"lease_seconds": 10.0})
    made = BulkHarness(settings, harness.database, harness.store, harness.user)
    made.folder, made.parent = tmp_path, feeders
    url = harness.database.engine.url
    made.url = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)
    return made


def s3(bulk: BulkHarness) -> str:
    return f"s3://{bulk.settings.s3_bucket}/{bulk.output}"


@pytest.mark.timeout(200)
def test_batch_ends_with_results_in_order_and_a_summary(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(50)
    options = ("--output", s3(bulk), "--default", "format=opus")
    code, log = bulk.to_end(manifest, *options)
    assert code == 0, log
    results = bulk.results()
    assert [each["id"] for each in results] == [f"line-{at}" for at in range(1, 51)]
    assert all(each["s3_key"].endswith(f"/{each['id']}.opus") for each in results)
    for each in results[:5]:
        assert bulk.store.head(each["s3_key"]).bytes == each["bytes"]
    summary = json.loads(bulk.store.get(f"{bulk.output}summary.json"))
    assert (summary["succeeded"], summary["credits"]) == (50, 2_500)
    assert bulk.charged() == (50, 50)
    assert bulk.findings() == []
    code, log = bulk.to_end(manifest, *options)
    assert code == 0, log
    assert bulk.charged() == (50, 50), "the same command again does nothing"


def test_invalid_line_refuses_the_batch_unless_skipped(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(20, speed=9)
    code, log = bulk.to_end(manifest)
    assert code == 4, log
    assert "line 2 (line-2, speed): invalid_input" in log
    with bulk.database.reading() as session:
        assert session.scalars(select(func.count()).select_from(Batch)).one() == 0
    code, log = bulk.to_end(manifest, "--skip-invalid", "--output", s3(bulk))
    assert code == 3, log
    assert "line 2 (line-2) failed: invalid_input: speed" in log
    assert f"1 failed; all of them are in {s3(bulk)}errors.jsonl" in log
    assert [each["state"] for each in bulk.results()].count("succeeded") == 19
    errors = bulk.store.get(f"{bulk.output}errors.jsonl").splitlines()
    assert [json.loads(line)["error"]["field"] for line in errors] == ["speed"]
    assert bulk.findings() == []


def test_refusal_of_a_missing_field_names_the_default_that_gives_it(bulk: BulkHarness) -> None:
    command = ("run", "--manifest", str(bulk.manifest(3)), "--user", bulk.user.email)
    code, log = bulk.start(*command).wait(60)
    assert code == 4, log
    assert "line 1 (line-1, voice): invalid_input: voice is missing." in log
    assert "--default voice=VALUE gives voice to all lines that lack it" in log


def test_refusal_of_a_line_without_text_suggests_no_text_for_all(bulk: BulkHarness) -> None:
    manifest = bulk.folder / "lines.jsonl"
    manifest.write_text('{"id": "silent", "speed": 1.1}\n')
    code, log = bulk.feeder(manifest).wait(60)
    assert code == 4, log
    assert "line 1 (silent, text): invalid_input: text is missing." in log
    assert "VALUE" not in log


def test_check_starts_nothing(bulk: BulkHarness) -> None:
    """As the command that people type."""
    command = [sys.executable, "-m", "serve_app.bulk"]
    command += bulk.arguments(bulk.manifest(20), "--check")
    log = subprocess.check_output(command, env=bulk.environment(), text=True)
    assert "20 lines, 0 of them invalid" in log
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
            ends = []
            for _ in range(4):
                process = bulk.feeder(manifest, "--output", s3(bulk))
                await asyncio.sleep(0.1 + 1.5 * moments.random())
                process.kill()
                ends.append(process.wait(10)[0])
            assert ends[0] == -signal.SIGKILL, "the first had not ended before"
            process = bulk.feeder(manifest, "--output", s3(bulk))
            return await asyncio.to_thread(process.wait, 150)

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
        process = bulk.feeder(bulk.manifest(80), "--output", s3(bulk))
        process.until_printed("waiting for the database")

    async def go() -> tuple[int, str]:
        async with bulk.working():
            await bulk.until(lambda: _leased(bulk) and bulk.batch().succeeded > 0)
            await asyncio.to_thread(postgres.restart, immediate=True)
            return await asyncio.to_thread(process.wait, 150)

    code, log = asyncio.run(go())
    assert code == 0, log
    assert [each["id"] for each in bulk.results()] == [f"line-{at}" for at in range(1, 81)]
    assert bulk.charged() == (80, 80)
    assert bulk.findings() == []


@pytest.mark.timeout(200)
def test_second_feeder_waits_and_takes_over(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(50)
    first = bulk.feeder(manifest, "--output", s3(bulk))
    until_leased(bulk)
    second = bulk.feeder(manifest, "--output", s3(bulk))
    second.until_printed("another feeder has this batch")
    first.kill()
    first.wait(10)

    async def go() -> tuple[int, str]:
        async with bulk.working():
            return await asyncio.to_thread(second.wait, 120)

    code, log = asyncio.run(go())
    assert code == 0, log
    assert bulk.charged() == (50, 50)


def until_leased(bulk: BulkHarness) -> None:
    until(lambda: _leased(bulk), 60, "a feeder has begun")


def _leased(bulk: BulkHarness) -> bool:
    with bulk.database.reading() as session:
        return session.scalars(select(Batch.lease)).one_or_none() is not None


@pytest.mark.timeout(200)
def test_stopped_feeder_ends_soon_and_leaves_its_lines(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(50)
    process = bulk.feeder(manifest, "--output", s3(bulk))
    until_leased(bulk)
    process.send_signal(signal.SIGTERM)
    code, log = process.wait(10)
    assert code == 130, log
    assert "to go on: python -m serve_app.bulk" in log
    assert bulk.batch().state == BatchState.RUNNING
    code, log = bulk.to_end(manifest, "--output", s3(bulk))
    assert code == 0, log
    assert bulk.charged() == (50, 50)


@pytest.mark.timeout(200)
def test_cancelled_batch_ends_with_its_feeder(bulk: BulkHarness) -> None:
    manifest = bulk.manifest(100)
    process = bulk.feeder(manifest, "--output", s3(bulk))
    until_leased(bulk)
    cancel = ("cancel", bulk.batch().id, "--user")
    assert bulk.start(*cancel, make_user(bulk.database, "bob").email).wait(60)[0] == 4
    assert bulk.start(*cancel, bulk.user.email).wait(60)[0] == 0
    code, log = process.wait(60)
    assert code == 130, log
    batch = bulk.batch()
    assert (batch.state, batch.cancelled, batch.charged) == (BatchState.CANCELLED, 100, 0)
    assert bulk.findings() == []


def test_partial_batch_has_what_the_credits_pay_for(bulk: BulkHarness) -> None:
    bulk.user = make_user(bulk.database, "poor", amount=2_500)
    code, log = bulk.to_end(bulk.manifest(55), "--partial", "--expires", "1h")
    assert code == 0, log
    assert "the credits pay for 50 of 55 lines" in log
    batch = bulk.batch()
    assert (batch.total, batch.succeeded, batch.charged) == (50, 50, 2_500)
    assert batch.expires_at is not None
    assert bulk.findings() == []
    assert bulk.to_end(bulk.folder / "lines.jsonl", "--expires", "soon")[0] == 4


def test_same_batch_gives_the_same_seeds(bulk: BulkHarness) -> None:
    code, log = bulk.to_end(bulk.manifest(5), "--output", s3(bulk), "--batch-id", "june")
    assert code == 0, log
    with bulk.database.reading() as session:
        seeds = [clip.options["seed"] for clip in session.scalars(select(Clip))]
    assert len(set(seeds)) == 5
    code, log = bulk.start("cancel", "june", "--user", bulk.user.email).wait(60)
    assert (code, log.strip()) == (0, f"batch {bulk.batch().id} had ended before")
