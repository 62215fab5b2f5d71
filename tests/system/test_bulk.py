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

from serve_app.cli.demo import free_port
from serve_app.db.engine import Database
from serve_app.db.models import Batch, LedgerEntry
from tests.system.test_up import BernieUp
from tests.waiting import until

LINES = 200
_SUBMIT = re.compile(r"RAY_AUTH_TOKEN_PATH=(\S+)\s+ray job submit --address (\S+) --")


@pytest.mark.timeout(500)
def test_ray_job_submit_runs_a_batch(tmp_path: Path) -> None:
    """The command is the one that `bernie up` prints, and the environment of this Python is not
    activated."""
    activated = str(Path(sys.executable).parent)
    path = os.pathsep.join(
        each for each in os.environ["PATH"].split(os.pathsep) if each != activated
    )
    environment = {
        **os.environ,
        "PATH": path,
        "BERNIE_DATA_DIR": str(tmp_path / "data"),
        "BERNIE_SPEECH__PIPELINE": "noop",
        "BERNIE_SOUND_EFFECTS__PIPELINE": "off",
        "BERNIE_CONVERSION__PIPELINE": "off",
        "COLUMNS": "1000",
    }
    work = tmp_path / "work"
    work.mkdir()
    lines = [json.dumps({"id": str(at), "text": f"Line {at}."}) for at in range(LINES)]
    (work / "lines.jsonl").write_text("\n".join(lines))
    with (
        (tmp_path / "log").open("wb") as log,
        BernieUp(environment, free_port(), log.fileno(), log.fileno()),
    ):
        output = tmp_path / "log"
        until(lambda: _SUBMIT.search(output.read_text()) is not None, 60, "the command is printed")
        token, address = _SUBMIT.findall(output.read_text())[0]
        ray = [str(Path(activated) / "ray"), "job", "submit", "--address", address]
        job = ["python", "-m", "serve_app.bulk", "run", "--manifest", "lines.jsonl"]
        options = ["--user", "you@localhost", "--default", "voice=af_heart"]
        submitted = subprocess.run(
            [*ray, "--working-dir", str(work), "--", *job, *options],
            env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    database = Database(f"sqlite:///{tmp_path / 'data' / 'bernie.sqlite3'}")
    with database.reading() as session:
        batch = session.scalars(select(Batch)).one()
        charges = select(func.count()).where(LedgerEntry.reason == "clip")
        assert session.scalars(charges).one() == LINES
    database.dispose()
    assert (batch.succeeded, batch.delivered, batch.charged) == (LINES, LINES, 50 * LINES)
