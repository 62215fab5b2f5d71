"""A whole system on loopback whose parts can be struck while it works."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from pydantic import SecretStr

from pipelines.settings import CHECKPOINTS
from serve_app.cli.ports import free_port
from serve_app.db.engine import Database
from serve_app.settings import Settings
from serve_app.storage.seaweedfs import SeaweedFS
from serve_app.storage.store import ObjectStore
from tests.chaos.plan import Event, Injection
from tests.chaos.proxy import ActiveFault, FaultProxy
from tests.chaos.users import email_of
from tests.pipelines.tiny_models import install_sounds, install_speech
from tests.postgres import Postgres
from tests.system import processes
from tests.system.bernie_up import BernieUp
from tests.system.replicas import replicas

_MODELS = {"SPEECH": "noop", "CONVERSION": "seed-vc", "SOUND_EFFECTS": "make-an-audio"}
_ENVIRONMENT = {
    "BERNIE_DTYPE": "float32",
    "BERNIE_THROTTLE_WINDOW_SECONDS": "0",
    "BERNIE_LEASE_SECONDS": "5",
    "BERNIE_RETRY_BACKOFF_SECONDS": "0.2",
    "BERNIE_DRAIN_SECONDS": "5",
    "BERNIE_WORKER_REPLICAS": "2",
    "BERNIE_INGRESS_REPLICAS": "2",
}


START_SECONDS = 300.0
_RECOVERY_SECONDS = 20.0
"""In which Serve starts another replica for one that was killed."""
_LOG_LINES = 30
_PRESS = """
import sys
from ray import serve

handle = serve.get_deployment_handle(sys.argv[1], "bernie")
handle.reconfigure.remote({"max_memory_mb": 1}).result()
"""
_JOB_SECONDS = 40.0


class Stack:
    """PostgreSQL, SeaweedFS behind the proxy, and `bernie up` with all three services.

    Made, struck and stopped by one thread: SeaweedFS ends with the thread that has started it.
    """

    def __init__(self, folder: Path, seed: int, **changes: str) -> None:
        """`changes` are variables of its environment."""
        self._folder = folder
        self._changes = changes
        self._chance = random.Random(seed)
        self._parts = ExitStack()
        self._port = free_port()

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            self.postgres = parts.enter_context(Postgres(durable=True))
            self.postgres.create("bernie")
            self._seaweed = SeaweedFS(self._folder / "seaweedfs")
            parts.callback(lambda: self._seaweed.stop())
            self.proxy = parts.enter_context(FaultProxy(self._seaweed.endpoint))
            self.settings = self._settings()
            self.database = Database(self.settings.database())
            parts.callback(self.database.dispose)
            self.store = ObjectStore(self.settings)
            self._log = parts.enter_context((self._folder / "log").open("wb"))
            parts.callback(lambda: processes.end(self._up.process))
            self._start()
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._parts.close()

    @property
    def url(self) -> str:
        return self._up.url

    @property
    def up(self) -> BernieUp:
        """The latest start of it."""
        return self._up

    def strike(self, event: Event) -> str:
        """Returns what was done, in words, once it is done and the part is there again or will be
        by itself."""
        match event.injection:
            case Injection.KILL:
                return self._kill(event.replica)
            case Injection.PRESSURE:
                return self._press(event)
            case Injection.POSTGRES_FAST | Injection.POSTGRES_IMMEDIATE:
                self.postgres.restart(immediate=event.injection is Injection.POSTGRES_IMMEDIATE)
            case Injection.POSTGRES_PAUSE:
                with self.postgres.paused():
                    time.sleep(event.seconds)
            case Injection.ROW_HELD:
                self._hold_row(event)
            case Injection.STORE_RESTART | Injection.STORE_KILL:
                self._restart_store(kill=event.injection is Injection.STORE_KILL)
            case Injection.STORE_FAULT:
                assert event.fault is not None
                self.proxy.active_fault = ActiveFault(event.fault, event.share)
                time.sleep(event.seconds)
                self.proxy.active_fault = None
            case Injection.STACK_RESTART | Injection.STACK_KILL:
                self._restart(kill=event.injection is Injection.STACK_KILL)
        return str(event)

    def _kill(self, replica: str) -> str:
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while not (running := replicas(replica, self._up.process.pid)):
            if time.monotonic() > deadline:
                return f"no replica of {replica} runs that could be killed"
            time.sleep(0.5)
        target = self._chance.choice(running)
        target.kill()
        return f"{Injection.KILL} {replica} (process {target.pid})"

    def _press(self, event: Event) -> str:
        """Lowers the bound of a replica below what it has: from its next batch on it is one that
        has grown too large. The replica that takes its place has no such bound."""
        from ray.job_submission import JobSubmissionClient  # reads the token when it is imported

        client = JobSubmissionClient(self._up.dashboard)
        job = client.submit_job(
            entrypoint=shlex.join([sys.executable, "-c", _PRESS, event.replica])
        )
        deadline = time.monotonic() + _JOB_SECONDS
        while not (status := client.get_job_status(job)).is_terminal():
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        return f"{event} ({status.lower()})"

    def _hold_row(self, event: Event) -> None:
        """Locks the row of a user from another session, while the other faults go on. A restart of
        the database ends the lock early."""
        holder = psycopg.connect(self.postgres.url("bernie"))
        holder.execute("SELECT id FROM users WHERE email = %s FOR UPDATE", [email_of(event.user)])
        timer = threading.Timer(event.seconds, holder.close)
        timer.daemon = True
        timer.start()
        self._parts.callback(holder.close)

    def _restart_store(self, kill: bool) -> None:
        if kill:
            os.kill(self._seaweed.pid, signal.SIGKILL)
        self._seaweed.stop()
        self._seaweed = SeaweedFS(self._folder / "seaweedfs")
        self.proxy.upstream = self._seaweed.endpoint

    def _restart(self, kill: bool) -> None:
        if kill:
            processes.end(self._up.process)
        else:
            processes.interrupt(self._up.process)
        self._start()

    def _start(self) -> None:
        """Raises AssertionError, with what was printed last, where it is not ready in time."""
        log = self._log.fileno()
        self._up = BernieUp(self._environment(), self._port, log, log, START_SECONDS)
        try:
            self._up.__enter__()
        except AssertionError as error:
            printed = Path(self._log.name).read_text(errors="replace").splitlines()
            raise AssertionError("\n".join([str(error), *printed[-_LOG_LINES:]])) from error

    def _settings(self) -> Settings:
        """As the system has them, for those who look into its database and its store."""
        return Settings(
            data_dir=self._folder / "data",
            database_url=SecretStr(self.postgres.url("bernie")),
            s3_endpoint=self.proxy.endpoint,
            s3_access_key=SecretStr(self._seaweed.access_key),
            s3_secret_key=SecretStr(self._seaweed.secret_key),
        )

    def _environment(self) -> dict[str, str]:
        models = {f"BERNIE_{name}__PIPELINE": model for name, model in _MODELS.items()}
        threads = {
            f"BERNIE_{name}__{stage}__THREADS": "1"
            for name in _MODELS
            for stage in ("FRONTEND", "DIFFUSION", "VOCODER")
        }
        settings = self.settings
        places = {
            "BERNIE_DATA_DIR": str(settings.data_dir),
            "BERNIE_CHECKPOINTS": str(self._checkpoints()),
            "BERNIE_DATABASE_URL": settings.database(),
            "BERNIE_S3_ENDPOINT": settings.s3_endpoint,
            "BERNIE_S3_ACCESS_KEY": settings.s3_access_key.get_secret_value(),
            "BERNIE_S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
        }
        return {**os.environ, **_ENVIRONMENT, **models, **threads, **places, **self._changes}

    def _checkpoints(self) -> Path:
        """The voices that ship, and two models of reduced widths."""
        folder = self._folder / "checkpoints"
        if not folder.exists():
            shutil.copytree(CHECKPOINTS / "kokoro", folder / "kokoro")
            shutil.copy(CHECKPOINTS / "manifest.toml", folder)
            install_speech(folder / "models/seed-vc")
            install_sounds(folder / "models/make-an-audio")
        return folder
