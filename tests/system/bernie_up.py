"""`bernie up` in a process of its own."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import httpx

from serve_app.cli.ports import free_port
from tests.system import processes
from tests.waiting import until

BERNIE = [sys.executable, "-c", "from serve_app.cli.main import app; app()"]


class BernieUp:
    """`bernie up` in a process of its own."""

    def __init__(
        self,
        environment: dict[str, str],
        port: int,
        stderr: int | None = None,
        stdout: int | None = None,
        start_seconds: float = 150,
        group: bool = False,
    ) -> None:
        """`start_seconds`: how many seconds it may take until it is ready."""
        dashboard = free_port()
        command = [*BERNIE, "up", "--port", str(port), "--dashboard-port", str(dashboard)]
        self._start_seconds = start_seconds
        self.url = f"http://127.0.0.1:{port}"
        self.dashboard = f"http://127.0.0.1:{dashboard}"
        self.process = processes.start(
            command, environment, stdout=stdout, stderr=stderr, group=group
        )

    def __enter__(self) -> Self:
        try:
            until(self.ready, self._start_seconds, "the server is ready")
        except BaseException:
            processes.end(self.process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            assert processes.interrupt(self.process) == 0, "bernie up has failed"
        finally:
            processes.end(self.process)

    @contextmanager
    def new_user(self) -> Iterator[httpx.Client]:
        """A client with the token of an account of its own."""
        account = {
            "email": f"{secrets.token_hex(6)}@example.com",
            "password": secrets.token_urlsafe(12),
        }
        with httpx.Client(base_url=self.url, timeout=60) as http:
            token = http.post("/api/sign-up", json=account).raise_for_status().json()["token"]
            http.headers["Authorization"] = f"Bearer {token}"
            yield http

    def ready(self) -> bool:
        assert self.process.poll() is None, "bernie up has ended"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False
