"""`serve deploy` while clips are made: only what changed changes, and nothing is lost."""

from __future__ import annotations

import copy
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml
from sqlalchemy import select

from serve_app.cli.client import Client
from serve_app.cli.leftovers import end_processes_with, processes_with
from serve_app.cli.ports import free_port
from serve_app.db.engine import Database
from serve_app.db.models import Clip, ClipState
from serve_app.deployments import ray_environment
from serve_app.storage.seaweedfs import SeaweedFS
from tests.postgres import Postgres
from tests.waiting import until

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
TEXT = "A sentence that is said a great many times over. " * 12


class Cluster:
    """`ray start --head`, and what is deployed on it."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.port = free_port()
        self._environment = environment
        self._folder = folder
        self._dashboard = free_port()
        config = yaml.safe_load((ROOT / "config/serve.yaml").read_text())
        config["http_options"]["port"] = self.port
        self.config: dict[str, Any] = config
        self._run(
            "ray",
            "start",
            "--head",
            f"--port={free_port()}",
            f"--dashboard-port={self._dashboard}",
            f"--ray-client-server-port={free_port()}",
            "--num-cpus=4",
            "--disable-usage-stats",
        )

    def deploy(self, config: dict[str, Any]) -> None:
        file = self._folder / "serve.yaml"
        file.write_text(yaml.safe_dump(config))
        self._run("serve", "deploy", "-a", f"http://127.0.0.1:{self._dashboard}", str(file))

    def replicas(self) -> dict[str, set[int]]:
        """The process ids of the replicas that there are, by deployment."""
        found: dict[str, set[int]] = {}
        for pid in processes_with("RAY_TMPDIR", self._environment["RAY_TMPDIR"]):
            try:
                title = " ".join(psutil.Process(pid).cmdline())
            except psutil.NoSuchProcess:
                continue
            prefix = "ray::ServeReplica:bernie:"
            if title.startswith(prefix):
                name = title.removeprefix(prefix).split(".")[0].split()[0]
                found.setdefault(name, set()).add(pid)
        return found

    def settled(self, count: dict[str, int]) -> bool:
        """Whether these deployments have so many replicas, and all is running."""
        found = {name: len(pids) for name, pids in self.replicas().items()}
        return all(found.get(name) == number for name, number in count.items())

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(BIN / program), *arguments],
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


class Load(threading.Thread):
    """Submits clips and looks at `/readyz` until it is stopped."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._ended = threading.Event()
        self.clips: list[str] = []
        self.not_ready: list[str] = []

    def run(self) -> None:
        with Client(self._url) as client:
            client.sign_up(f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12))
            while not self._ended.wait(0.3):
                self.clips.append(client.speak(TEXT, "woman")["id"])
                ready = httpx.get(f"{self._url}/readyz", timeout=10)
                if ready.status_code != 200:
                    self.not_ready.append(ready.text)

    def stop(self) -> None:
        self._ended.set()
        self.join()


@contextmanager
def cluster(postgres: Postgres, seaweed: SeaweedFS, folder: Path) -> Iterator[Cluster]:
    ray_folder = tempfile.mkdtemp(prefix="ray-")
    environment = {
        **os.environ,
        **ray_environment.RAY,
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.1",  # as where nothing is set
        "RAY_AUTH_MODE": "disabled",
        "RAY_TMPDIR": ray_folder,
        "PYTHONPATH": ray_environment.python_path(str(ROOT)),
        "BERNIE_DATABASE_URL": postgres.url("bernie"),
        "BERNIE_S3_ENDPOINT": seaweed.endpoint,
        "BERNIE_S3_BUCKET": "serve-deploy",
        "BERNIE_S3_ACCESS_KEY": seaweed.access_key,
        "BERNIE_S3_SECRET_KEY": seaweed.secret_key,
        "BERNIE_DATA_DIR": str(folder / "unused"),
    }
    try:
        yield Cluster(environment, folder)
    finally:
        end_processes_with("RAY_TMPDIR", ray_folder, 0)
        shutil.rmtree(ray_folder, ignore_errors=True)


def deployed(config: dict[str, Any], name: str, **options: Any) -> dict[str, Any]:
    """The configuration with other options of one deployment."""
    changed = copy.deepcopy(config)
    deployments = changed["applications"][0].setdefault("deployments", [])
    entry = next((each for each in deployments if each["name"] == name), None)
    if entry is None:
        entry = {"name": name}
        deployments.append(entry)
    entry.update(options)
    return changed


def scaled(replicas: int) -> dict[str, int]:
    return {"min_replicas": replicas, "max_replicas": replicas, "target_ongoing_requests": 16}


@pytest.mark.timeout(500)
def test_serve_deploy_changes_what_changed_and_loses_nothing(
    seaweed: SeaweedFS, tmp_path: Path
) -> None:
    with Postgres() as postgres:
        postgres.create("bernie")
        with cluster(postgres, seaweed, tmp_path) as system:
            config = system.config
            config["applications"][0]["args"] = {
                "speech": {"pipeline": "noop"},
                "conversion": {"pipeline": "off"},
                "sound_effects": {"pipeline": "off"},
                "throttle_starts": 1_000,
            }
            # Serve builds an application anew where an entry of this kind is new, or gone.
            config = deployed(config, "styletts2-vocoder", autoscaling_config=scaled(1))
            url = f"http://127.0.0.1:{system.port}"
            system.deploy(config)
            until(lambda: ready(url), 150, "the graph is ready")
            load = Load(url)
            load.start()
            try:
                change_while_clips_are_made(system, config)
            finally:
                load.stop()
            database = Database(postgres.url("bernie"))
            until(lambda: not pending(database), 90, "all clips are done")
            with database.reading() as session:
                clips = list(session.scalars(select(Clip).where(Clip.id.in_(load.clips))))
            database.dispose()
    assert load.not_ready == []
    assert len(clips) == len(load.clips) > 20
    made = [(clip.state, clip.attempts, clip.losses) for clip in clips]
    assert set(made) == {(ClipState.SUCCEEDED, 1, 0)}


def change_while_clips_are_made(system: Cluster, config: dict[str, Any]) -> None:
    before = system.replicas()
    assert {name: len(pids) for name, pids in before.items()} == {
        "ingress": 1,
        "worker": 1,
        "styletts2-frontend": 1,
        "styletts2-diffusion": 1,
        "styletts2-vocoder": 1,
    }

    more_workers = deployed(config, "worker", num_replicas=2)
    system.deploy(more_workers)
    until(lambda: system.settled({"worker": 2}), 60, "there are two workers")
    after = system.replicas()
    assert {**after, "worker": before["worker"]} == before, "all others go on"
    assert before["worker"] < after["worker"]

    more_vocoders = deployed(more_workers, "styletts2-vocoder", autoscaling_config=scaled(2))
    system.deploy(more_vocoders)
    until(lambda: system.settled({"styletts2-vocoder": 2}), 60, "there are two vocoders")
    latest = system.replicas()
    assert {**latest, "styletts2-vocoder": after["styletts2-vocoder"]} == after
    assert after["styletts2-vocoder"] < latest["styletts2-vocoder"]

    tuned = deployed(more_vocoders, "worker", user_config={"worker_clips": 3})
    tuned = deployed(tuned, "styletts2-diffusion", user_config={"max_batch": 4})
    tuned = deployed(tuned, "ingress", user_config={"max_text_characters": 4_000})
    system.deploy(tuned)
    url = f"http://127.0.0.1:{system.port}"
    with httpx.Client(base_url=url, timeout=30) as client:
        account = {"email": "ada@example.com", "password": secrets.token_urlsafe(12)}
        token = client.post("/api/sign-up", json=account).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        until(lambda: refuses_text(client), 60, "the limit is another")
    assert system.replicas() == latest, "no replica is replaced"

    anew = copy.deepcopy(tuned)
    anew["applications"][0]["args"]["silence_seconds"] = 0.2
    system.deploy(anew)
    old = set().union(*latest.values())

    def replaced() -> bool:
        now = set().union(*system.replicas().values())
        return len(now) == len(old) and not now & old

    until(replaced, 120, "all replicas are new")
    time.sleep(2)


def refuses_text(client: httpx.Client) -> bool:
    """Whether 4,500 characters are too many."""
    body = {"text": "a " * 2_250, "voice": "woman"}
    error = client.post("/api/speech", json=body).json()["error"]
    return error is not None and error["field"] == "text"


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def pending(database: Database) -> int:
    with database.reading() as session:
        found = session.scalars(select(Clip))
        return sum(clip.state is ClipState.PENDING for clip in found)
