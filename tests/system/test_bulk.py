"""Bulk generation by a real `ray job submit` against a real `bernie up`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from serve_app.accounts import credits, users
from serve_app.db.engine import Database
from serve_app.db.models import Batch, BatchState, Clip, LedgerEntry
from tests.clone import untracked
from tests.system.bernie_up import BERNIE, BernieUp
from tests.system.replicas import kill_replica
from tests.system.small import SmallSystem
from tests.waiting import until

LINES, FEW = 120, 40
GUIDE = Path(__file__).parents[2] / "docs" / "bulk.md"
PYTHON = Path(sys.executable).parent
_SUBMIT = re.compile(
    r"RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=(\S+) ray job submit --address (\S+) --.+"
)


_OBJECTS = """python -c 'import boto3
for each in boto3.client("s3").list_objects_v2(Bucket="bernie", Prefix="out/library/")["Contents"]:
    print(each["Key"])'
"""
"""Reads the same variables as the client of AWS, which is no package of ours."""


def blocks_of(section: str) -> list[str]:
    """The commands of a section of the guide."""
    text = GUIDE.read_text().split(f"## {section}")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Running:
    """A system, its folder, and what its printed command says."""

    folder: Path
    up: BernieUp
    printed: str
    """The command that submits a job."""
    address: str
    environment: dict[str, str]
    database: Database

    def ray(self, *arguments: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PYTHON / "ray"), "job", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def batches(self) -> list[Batch]:
        with self.database.reading() as session:
            return list(session.scalars(select(Batch).order_by(Batch.created_at)))


@pytest.fixture(scope="module")
def running(
    small_system: SmallSystem, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The command is the one that `bernie up` prints, and the environment of this Python is not
    activated."""
    up = small_system.up()
    until(lambda: _SUBMIT.search(small_system.output()) is not None, 60, "the command is printed")
    printed = _SUBMIT.search(small_system.output())
    assert printed is not None
    token, address = printed.groups()
    database = Database(f"sqlite:///{small_system.data / 'bernie.sqlite3'}")
    with database.transaction() as session:  # also for tests that run a second time
        credits.grant(session, users.by_email(session, "you@localhost"), 1_000_000, 0.0)
    known = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token}
    known.pop("RAY_AUTH_TOKEN", None)
    folder = tmp_path_factory.mktemp("bulk")
    (folder / ".bernie").symlink_to(small_system.data)
    yield Running(folder, up, printed[0], address, known, database)
    database.dispose()


@pytest.mark.timeout(500)
def test_stopped_job_goes_on_by_the_same_command(running: Running) -> None:
    work = running.folder / "work"
    work.mkdir()
    lines = [json.dumps({"id": str(at), "text": f"Line {at}."}) for at in range(LINES)]
    (work / "lines.jsonl").write_text("\n".join(lines))
    job = ["python", "-m", "serve_app.bulk", "run", "--manifest", "lines.jsonl"]
    job += ["--user", "you@localhost", "--default", "voice=af_heart"]
    submit = ["submit", "--address", running.address, "--working-dir", str(work)]
    begun = running.ray(*submit, "--no-wait", "--submission-id", "june", "--", *job)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    until(lambda: [each.cursor for each in running.batches() if each.cursor], 120, "it feeds")
    stopped = running.ray("stop", "--address", running.address, "june")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    until(lambda: running.batches()[0].lease is None, 30, "the feeder lets go in its grace")
    (batch,) = running.batches()
    assert batch.state == BatchState.RUNNING
    ended = running.ray(*submit, "--", *job)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (batch,) = running.batches()
    assert (batch.succeeded, batch.delivered, batch.charged) == (LINES, LINES, 50 * LINES)
    with running.database.reading() as session:
        lines_of = select(Clip.id).where(Clip.batch_id == batch.id)
        charges = select(func.count()).where(
            LedgerEntry.reason == "clip", LedgerEntry.clip_id.in_(lines_of)
        )
        assert session.scalars(charges).one() == LINES


@pytest.mark.timeout(200)
def test_printed_command_makes_lines_that_have_a_text_alone(running: Running) -> None:
    """Pasted in a folder that is not the server's."""
    folder = running.folder / "a folder"
    folder.mkdir()
    (folder / "lines.jsonl").write_text('{"text": "Hello."}\n')
    path = os.pathsep.join([str(PYTHON), os.environ["PATH"]])
    pasted = subprocess.run(
        ["bash", "-c", running.printed],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert pasted.returncode == 0, pasted.stdout + pasted.stderr
    assert '"succeeded": 1' in pasted.stdout


@pytest.mark.timeout(200)
def test_batch_over_http_outlives_the_ingress(running: Running) -> None:
    file, folder = running.folder / "few.jsonl", running.folder / "few"
    names = [f"few-{at}" for at in range(FEW)]
    file.write_text("".join(json.dumps({"id": each, "text": each}) + "\n" for each in names))
    before = len(running.batches())
    with subprocess.Popen(
        [*BERNIE, "bulk", str(file), "--output", str(folder)],
        cwd=running.folder,
        env={**running.environment, "BERNIE_URL": running.up.url},
    ) as client:
        until(lambda: [each for each in running.batches()[before:] if each.cursor], 90, "it begins")
        kill_replica("ingress", running.up.process.pid)
        assert client.wait(120) == 0
    (batch,) = running.batches()[before:]
    assert (batch.succeeded, batch.charged) == (FEW, 50 * FEW)
    results = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [each["id"] for each in results] == names
    assert {path.stem for path in folder.glob("few-*")} == set(names)


@pytest.mark.timeout(400)
def test_walk_through_can_be_pasted(
    running: Running, small_system: SmallSystem, tmp_path: Path
) -> None:
    """The commands of the guide but for `bernie up`, which runs already."""
    (tmp_path / ".bernie").mkdir()
    for each in ("ray-token", "api-key", "seaweedfs"):
        (tmp_path / ".bernie" / each).symlink_to(small_system.data / each)
    blocks = [each for each in blocks_of("Walk through") if not each.startswith("bernie up")]
    assert len(blocks) == 3
    over_http, over_s3 = blocks_of("The results")
    assert over_http.count("curl ") == 2
    blocks += [over_s3.split("aws s3 ")[0], _OBJECTS]
    script = "set -eu\n" + "".join(blocks).replace("http://127.0.0.1:8265", running.address)
    environment = {
        **running.environment,
        "PATH": os.pathsep.join([str(PYTHON), os.environ["PATH"]]),
        "BERNIE_URL": running.up.url,
    }
    environment.pop("RAY_AUTH_TOKEN_PATH")
    pasted = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert pasted.returncode == 0, pasted.stdout[-3000:] + pasted.stderr[-3000:]
    saved = {path.name for path in (tmp_path / "library").iterdir()}
    assert saved == {"batch.json", "results.jsonl", "greeting.opus", "closing.opus", "goodbye.opus"}
    assert '"succeeded": 3' in pasted.stdout
    assert "out/library/summary.json" in pasted.stdout, "its store can be read"
    assert all(each.finished_at for each in running.batches())
    assert untracked(tmp_path) == [], "a clone in which the guide was followed is clean"
