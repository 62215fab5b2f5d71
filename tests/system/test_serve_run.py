"""`serve run config/serve.yaml` for those who bring their own PostgreSQL and S3."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
import yaml

from serve_app.cli.client import Client
from serve_app.cli.ports import free_port
from serve_app.deployments import ray_environment
from serve_app.storage.seaweedfs import SeaweedFS
from tests.postgres import Postgres
from tests.system import processes
from tests.waiting import until

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.timeout(300)
def test_serve_run_with_external_postgresql_and_s3(seaweed: SeaweedFS, tmp_path: Path) -> None:
    port = free_port()
    config = yaml.safe_load((ROOT / "config/serve.yaml").read_text())
    config["http_options"]["port"] = port
    (tmp_path / "serve.yaml").write_text(yaml.safe_dump(config))
    with Postgres() as postgres, tempfile.TemporaryDirectory(prefix="ray-") as ray_folder:
        postgres.create("bernie")
        variables = {
            **os.environ,
            **ray_environment.RAY,
            "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.1",  # as where nothing is set
            "PYTHONPATH": ray_environment.python_path(os.environ.get("PYTHONPATH", "")),
            "RAY_AUTH_MODE": "disabled",
            "RAY_TMPDIR": ray_folder,
            "BERNIE_DATABASE_URL": postgres.url("bernie"),
            "BERNIE_S3_ENDPOINT": seaweed.endpoint,
            "BERNIE_S3_BUCKET": "serve-run",
            "BERNIE_S3_ACCESS_KEY": seaweed.access_key,
            "BERNIE_S3_SECRET_KEY": seaweed.secret_key,
            "BERNIE_SPEECH__PIPELINE": "noop",
            "BERNIE_CONVERSION__PIPELINE": "off",
            "BERNIE_DATA_DIR": str(tmp_path / "unused"),
        }
        serve = [str(Path(sys.executable).with_name("serve")), "run", "--address", "local"]
        command = [*serve, "--app-dir", str(ROOT), str(tmp_path / "serve.yaml")]
        process = processes.start(command, variables, tmp_path)
        try:
            until(lambda: ready(port), 120, "the graph is ready")
            with Client(f"http://127.0.0.1:{port}") as client:
                client.sign_up(f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12))
                clip = client.speak("Hello from PostgreSQL.", "woman")
                clip = client.wait(clip["id"], 60, lambda _: None)
                client.download(clip, tmp_path / "hello.wav")
            assert (tmp_path / "hello.wav").read_bytes().startswith(b"RIFF")
            processes.interrupt(process)
        finally:
            processes.end(process)
    assert not (tmp_path / "unused").exists()


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
