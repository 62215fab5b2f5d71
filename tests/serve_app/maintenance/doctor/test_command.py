"""`bernie doctor` from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from serve_app.cli.local_stack import with_store
from serve_app.cli.main import app
from serve_app.db.engine import Database
from serve_app.ids import new_id
from serve_app.maintenance.doctor.runner import CHECKS
from serve_app.settings import Settings
from serve_app.storage import seaweedfs
from serve_app.storage.seaweedfs import SeaweedFS
from serve_app.storage.store import ObjectStore
from tests.serve_app.actions import make_user
from tests.serve_app.maintenance.doctor.damaged_system import empty
from tests.serve_app.recordings import tone


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the database of one user."""
    monkeypatch.setenv("BERNIE_DATA_DIR", str(tmp_path))
    database = Database(Settings().database())
    database.migrate()
    make_user(database)
    database.dispose()
    return tmp_path


@pytest.fixture
def store(seaweed: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """The store of the settings, empty."""
    monkeypatch.setenv("BERNIE_S3_ENDPOINT", seaweed.endpoint)
    monkeypatch.setenv("BERNIE_S3_ACCESS_KEY", seaweed.access_key)
    monkeypatch.setenv("BERNIE_S3_SECRET_KEY", seaweed.secret_key)
    monkeypatch.setenv("BERNIE_S3_BUCKET", "doctor")
    store = ObjectStore(Settings())
    store.ensure_bucket()
    yield store
    empty(store)


def doctor(*options: str) -> tuple[int, str]:
    """The exit code, and what went to standard output."""
    result = CliRunner().invoke(app, ["doctor", *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


def as_json(*options: str) -> tuple[int, dict[str, Any]]:
    code, output = doctor("--json", *options)
    return code, {check["name"]: check for check in json.loads(output)}


def test_doctor_reports_a_consistent_system(store: ObjectStore) -> None:
    code, output = doctor()
    assert code == 0
    assert output.count("✓") == len(CHECKS)
    code, checks = as_json("--deep")
    assert code == 0
    assert checks["balances"]["examined"] == 1
    assert all(check["wrong"] == 0 for check in checks.values())


def test_doctor_reports_and_repairs(store: ObjectStore) -> None:
    key = f"styletts2-output/{new_id()}.wav"
    store.put(key, tone(0.1), "audio/wav")
    assert doctor("--age", "60")[0] == 0
    code, output = doctor("--age", "0")
    assert code == 1
    assert f"object {key} belongs to nothing" in output
    code, checks = as_json("--age", "0", "--repair")
    assert code == 0
    results = checks["results"]
    assert (results["wrong"], results["repaired"]) == (1, 1)
    said = {"subject": f"object {key}", "problem": "belongs to nothing", "repaired": True}
    assert results["findings"] == [said]
    assert doctor("--age", "0")[0] == 0


def test_doctor_names_a_missing_bucket(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BERNIE_S3_BUCKET", "nowhere")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "nowhere" in result.stderr
    assert "BERNIE_S3_ENDPOINT" in result.stderr


def test_doctor_reaches_the_built_in_store_running_or_not(data_dir: Path) -> None:
    folder = data_dir / "seaweedfs"
    assert not seaweedfs.exists(folder)
    key = f"seedvc-outputs/{new_id()}.wav"
    with SeaweedFS(folder) as running:
        store = ObjectStore(with_store(Settings(), running))
        store.ensure_bucket()
        store.put(key, tone(0.1), "audio/wav")
        assert key in doctor("--age", "0")[1]
        running.check()
    assert key in doctor("--age", "0")[1]
