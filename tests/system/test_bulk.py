"""Bulk generation by a real `ray job submit` against a real `bernie up`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from serve_app.db.engine import Database
from serve_app.db.models import Batch, Clip, LedgerEntry
from tests.system.small import SmallSystem
from tests.waiting import until

LINES = 100
_SUBMIT = re.compile(r"RAY_AUTH_TOKEN_PATH=(\S+)\s+ray job submit --address (\S+) --")


@pytest.mark.timeout(500)
def test_ray_job_submit_runs_a_batch(small_system: SmallSystem, tmp_path: Path) -> None:
    """The command is the one that `bernie up` prints, which has the path of its own Python."""
    small_system.up()
    (tmp_path / "lines.jsonl").write_text(
        "\n".join(json.dumps({"id": str(at), "text": f"Line {at}."}) for at in range(LINES))
    )
    until(lambda: _SUBMIT.search(small_system.output()) is not None, 60, "the command is printed")
    token, address = _SUBMIT.findall(small_system.output())[0]
    ray = [str(Path(sys.executable).parent / "ray"), "job", "submit", "--address", address]
    job = ["python", "-m", "serve_app.bulk", "run", "--manifest", "lines.jsonl"]
    options = ["--user", "you@localhost", "--default", "voice=af_heart"]
    submitted = subprocess.run(
        [*ray, "--working-dir", str(tmp_path), "--", *job, *options],
        env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    database = Database(f"sqlite:///{small_system.data / 'bernie.sqlite3'}")
    with database.reading() as session:
        batch = session.scalars(select(Batch)).one()
        lines = select(Clip.id).where(Clip.batch_id == batch.id)
        charges = select(func.count()).where(
            LedgerEntry.reason == "clip", LedgerEntry.clip_id.in_(lines)
        )
        assert session.scalars(charges).one() == LINES
    database.dispose()
    assert (batch.succeeded, batch.delivered, batch.charged) == (LINES, LINES, 50 * LINES)
