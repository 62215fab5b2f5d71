"""HAProxy with Serve's configuration as the installed Ray writes it, changed by ours."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from ray.serve._private.common import RequestProtocol
from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
from ray.serve.config import HTTPOptions

from serve_app.cli.ports import free_port
from serve_app.deployments import haproxy
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Ray has HAProxy for Linux")


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers on where a request came from; on `/dies` it does not, and with
    `X-Dies` the first time."""

    protocol_version = "HTTP/1.1"
    died = 0

    def do_GET(self) -> None:
        if self.path == "/dies" or ("X-Dies" in self.headers and not Echo.died):
            Echo.died += 1
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        names = ("X-Forwarded-For", "X-Forwarded-Proto")
        body = "|".join(",".join(self.headers.get_all(name, [])) for name in names).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET  # noqa: N815 - http.server looks for them

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def echo() -> Iterator[int]:
    """The port of a replica."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def configuration(folder: Path, port: int, backend: int | None) -> Path:
    """Serve's own, of an application whose only replica listens at `backend`."""
    config = HAProxyConfig(
        socket_path=str(folder / "s"),
        server_state_base=str(folder),
        server_state_file=str(folder / "state"),
        metrics_socket_path=str(folder / "m"),
        http_options=HTTPOptions(host="127.0.0.1", port=port),
        has_received_routes=True,
        has_received_servers=True,
    )
    server = [] if backend is None else [ServerConfig(name="r", host="127.0.0.1", port=backend)]
    backends = {
        "http-bernie": BackendConfig(
            name="http-bernie",
            path_prefix="/",
            app_name="bernie",
            servers=server,
            protocol=RequestProtocol.HTTP,
        )
    }
    path = folder / "haproxy.cfg"
    api = HAProxyApi(config, backends if server else {}, str(path))
    api._generate_config_file_internal()
    return path


@contextmanager
def running(
    folder: Path, backend: int | None, trusted: str = "", files: int = 4_096
) -> Iterator[httpx.Client]:
    """A client of HAProxy as Serve starts it."""
    program, port = haproxy.command(), free_port()
    assert program is not None
    environment = {**os.environ, "RAY_SERVE_HAPROXY_BINARY_PATH": str(program)}
    environment |= {"FORWARDED_ALLOW_IPS": trusted} if trusted else {}
    path = configuration(folder, port, backend)
    command = [program, "-db", "-f", path]
    limit = shlex.join(["ulimit", "-n", str(files)]) + " && exec " + shlex.join(map(str, command))
    process = subprocess.Popen(["bash", "-c", limit], env=environment)
    try:
        until(lambda: answers(port), 20, "HAProxy listens")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_haproxy_tells_the_replica_where_a_client_is(tmp_path: Path) -> None:
    with echo() as backend, running(tmp_path, backend) as client:
        assert client.get("/").text == "127.0.0.1|"
        sent = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.7, 192.0.2.8")]
        assert client.get("/", headers=sent).text == "192.0.2.1,192.0.2.7, 192.0.2.8,127.0.0.1|"


@pytest.mark.parametrize(
    ("trusted", "passes"),
    [("", True), ("127.0.0.0/8, none", True), ("*", True), ("192.0.2.0/24", False)],
)
def test_haproxy_believes_trusted_proxies_on_the_scheme(
    tmp_path: Path, trusted: str, passes: bool
) -> None:
    with echo() as backend, running(tmp_path, backend, trusted) as client:
        scheme = client.get("/", headers={"X-Forwarded-Proto": "https"}).text.split("|")[1]
    assert scheme == ("https" if passes else "")


def test_haproxy_answers_503_in_the_common_shape(tmp_path: Path) -> None:
    """Where the replica dies during a request, where it is not there, and before it is known."""
    with echo() as backend, running(tmp_path, backend) as client:
        assert_unavailable(client.get("/dies"))
    with running(tmp_path, free_port()) as client:
        assert_unavailable(client.get("/"))
    with running(tmp_path, None) as client:
        assert_unavailable(client.get("/"))


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("HEAD", "/", {}),
        ("POST", "/api/speech", {"Idempotency-Key": "a"}),
        ("POST", "/api/batches?x=1", {"Idempotency-Key": "a"}),
    ],
)
def test_haproxy_asks_again_where_that_has_no_second_effect(
    tmp_path: Path, method: str, path: str, headers: dict[str, str]
) -> None:
    Echo.died = 0
    body = b"x" * 5_000 if method == "POST" else None
    with echo() as backend, running(tmp_path, backend) as client:
        assert client.get("/").status_code == 200, "a connection that is kept"
        answer = client.request(method, path, headers={**headers, "X-Dies": "1"}, content=body)
    assert (answer.status_code, Echo.died) == (200, 1)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/speech", {}),
        ("/api/speech", {"Idempotency-Key": ""}),
        ("/api/keys", {"Idempotency-Key": "a"}),
    ],
)
def test_haproxy_asks_no_second_time_for_a_change(
    tmp_path: Path, path: str, headers: dict[str, str]
) -> None:
    """On a connection that was used before, it is HTTP's way to say nothing."""
    headers = {**headers, "X-Dies": "1"}
    with echo() as backend, running(tmp_path, backend) as client:
        Echo.died = 0
        assert_unavailable(client.post(path, content=b"x", headers=headers))
        Echo.died = 0
        assert client.get("/").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(path, content=b"x", headers=headers)
        assert Echo.died == 1


def test_haproxy_refuses_a_folder_that_others_can_change(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    folder = open_to_all / "folder"
    folder.mkdir(parents=True)
    haproxy.require_private(folder)
    open_to_all.chmod(0o1777)
    haproxy.require_private(folder)  # as in /tmp, where only the owner may put another there
    open_to_all.chmod(0o777)
    with pytest.raises(haproxy.NotPrivate, match="can be changed by other users"):
        haproxy.require_private(folder)


def test_haproxy_ends_with_who_started_it(tmp_path: Path) -> None:
    port = free_port()
    path = configuration(tmp_path, port, 1)
    start = (
        "import os, subprocess, sys, time\n"
        "process = subprocess.Popen([sys.argv[1], '-db', '-f', sys.argv[2]])\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", start, str(haproxy.command()), str(path)]
    manager = subprocess.Popen(command)
    try:
        until(lambda: answers(port), 20, "HAProxy listens")
    finally:
        manager.kill()
        manager.wait()
    until(lambda: not answers(port), 10, "HAProxy has ended")


def test_haproxy_passes_long_heads_and_refuses_longer_ones(tmp_path: Path) -> None:
    with echo() as backend, running(tmp_path, backend) as client:
        assert client.get("/", headers={"X-Long": "x" * 14_000}).status_code == 200
        assert client.get("/", headers={"X-Long": "x" * 20_000}).status_code == 400


def test_haproxy_starts_where_few_files_may_be_open(tmp_path: Path) -> None:
    with echo() as backend, running(tmp_path, backend, files=256) as client:
        assert client.get("/").status_code == 200


def test_haproxy_is_open_to_nobody_else(tmp_path: Path) -> None:
    port = free_port()
    path = configuration(tmp_path, port, 1)
    changed = haproxy.changed(path.read_text(), tmp_path, "127.0.0.1", -1)
    lines = [line.strip() for line in changed.splitlines()]
    assert [line for line in lines if line.startswith("bind")] == [f"bind 127.0.0.1:{port}"]
    assert [line.split()[3:5] for line in lines if line.startswith("stats socket")] == [
        ["mode", "600"]
    ]
    assert {line.split()[1] for line in lines if line.startswith("log ")} == {
        "global",
        str(tmp_path / "m"),
    }
    assert not any(line.startswith("log ") for line in lines[: lines.index("defaults")])


def test_haproxy_configuration_can_be_changed_twice(tmp_path: Path) -> None:
    path = configuration(tmp_path, free_port(), 1)
    once = haproxy.changed(path.read_text(), tmp_path, "", -1)
    assert "del-header X-Forwarded-Proto\n" in once
    assert haproxy.changed(once, tmp_path, "", -1).count("errorfile") == once.count("errorfile")


def test_haproxy_is_used_where_it_can_reach_the_replicas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_SERVE_ENABLE_HA_PROXY", raising=False)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.0/8")
    folder = Path("/tmp/bernie-ray-1234567-abcdefgh")
    used = haproxy.environment(folder, "127.0.0.1", 8123)
    assert used["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert used["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"] == "8123"
    assert used["FORWARDED_ALLOW_IPS"] == "10.0.0.0/8,127.0.0.1"
    assert haproxy.environment(folder, "0.0.0.0", 8123) == used
    unused = {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    assert haproxy.environment(folder, "192.0.2.1", 8123) == unused
    assert haproxy.environment(folder / ("x" * 20), "127.0.0.1", 8123) == unused
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    assert haproxy.environment(folder, "localhost", 8123)["FORWARDED_ALLOW_IPS"] == "*"
    monkeypatch.setenv("RAY_SERVE_ENABLE_HA_PROXY", "0")
    assert haproxy.environment(folder, "127.0.0.1", 8123) == unused
