"""A fork server, and interpreters that start as those of Ray's workers do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipelines import registry
from serve_app.deployments import fork_server, ray_environment
from serve_app.deployments.interpreter.fork_request import ADDRESS
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux alone")

IMPORTED = "wave"
"""A module of the server that no interpreter has by itself."""

WORKER = f"""
import ctypes, json, os, signal, subprocess, sys

class Malloc(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

def mapped():
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Malloc
    return mallinfo().hblkhd

block = bytearray(64 << 20)
print(json.dumps({{
    "pid": os.getpid(),
    "name": __name__,
    "argv": sys.argv,
    "path": sys.path[0],
    "folder": os.getcwd(),
    "group": os.getpgid(0),
    "imported": {IMPORTED!r} in sys.modules,
    "environment": dict(os.environ),
    "in_c": subprocess.run(["printenv", "RAY_JOB_ID"], capture_output=True, text=True).stdout,
    "oom": open("/proc/self/oom_score_adj").read().strip(),
    "mapped": mapped(),
}}))
sys.exit(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ray's folder, with a script of the name that Ray's has."""
    (tmp_path / "default_worker.py").write_text(WORKER)
    (tmp_path / "setup_worker.py").write_text("import sys; print('set up'); sys.exit(4)")
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", fork_server.__name__, str(folder / ADDRESS), IMPORTED, "no_such"],
        env=ordinary(folder) | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
        stdin=subprocess.PIPE,
    )
    with process:
        until((folder / ADDRESS).is_socket, 30, "the server listens")
        yield process
        process.terminate()


def ordinary(folder: Path) -> dict[str, str]:
    path = ray_environment.python_path(os.environ.get("PYTHONPATH", ""))
    same = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return {**same, "RAY_TMPDIR": str(folder), "PYTHONPATH": path}


class Started:
    """A worker, from its start until nobody holds its output any more."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=ordinary(folder) | variables,
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.output = process.communicate(timeout=60)[0]
        self.pid, self.code = process.pid, process.returncode

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.output)
        return found

    @property
    def is_copy(self) -> bool:
        return bool(self.told["imported"]) and self.told["pid"] != self.pid and self.code == 0


def worker(folder: Path, *arguments: str, **variables: str) -> Started:
    return Started(folder, str(folder / "default_worker.py"), *arguments, **variables)


def set_up(folder: Path, context: dict[str, Any]) -> Started:
    return Started(
        folder,
        str(folder / "setup_worker.py"),
        str(folder / "default_worker.py"),
        "--node-id=7",
        "--language=PYTHON",
        f"--serialized-runtime-env-context={json.dumps(context)}",
        "--runtime-env-hash=5",
    )


@pytest.mark.usefixtures("server")
def test_a_worker_is_a_copy_with_all_that_it_was_started_with(folder: Path) -> None:
    started = worker(folder, "--node-id=7", RAY_JOB_ID="0100", BERNIE_HOST="::1")
    assert started.is_copy
    told = started.told
    assert told["argv"] == [str(folder / "default_worker.py"), "--node-id=7"]
    assert told["name"] == "__main__"
    assert (told["path"], told["folder"]) == (str(folder), str(folder))
    assert told["group"] == told["pid"]
    assert told["environment"]["BERNIE_HOST"] == "::1"
    assert told["in_c"] == "0100\n"
    assert "OMP_WAIT_POLICY" not in told["environment"]


@pytest.mark.usefixtures("server")
def test_a_copy_is_ended_as_early_by_the_system_as_the_worker(folder: Path) -> None:
    raised = f"echo 321 > /proc/self/oom_score_adj; exec {sys.executable} default_worker.py"
    done = subprocess.run(
        ["sh", "-c", raised], env=ordinary(folder), cwd=folder, capture_output=True, timeout=60
    )
    assert json.loads(done.stdout)["imported"]
    assert json.loads(done.stdout)["oom"] == "321"


@pytest.mark.usefixtures("server")
def test_a_copy_has_the_heap_of_its_variables(folder: Path) -> None:
    assert worker(folder).told["mapped"] >= 64 << 20
    kept = worker(folder, **ray_environment.MALLOC)
    assert kept.is_copy
    assert kept.told["mapped"] < 64 << 20


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "variables",
    [{"LD_BIND_NOW": "1"}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"PYTHONHASHSEED": "5"}, {"HOME": "/"}],
)
def test_a_worker_of_another_environment_begins_by_itself(
    folder: Path, variables: dict[str, str]
) -> None:
    started = worker(folder, **variables)
    assert started.told["pid"] == started.pid
    assert not started.told["imported"]
    assert started.code == 3


def test_a_worker_begins_by_itself_where_there_is_no_server(folder: Path) -> None:
    assert worker(folder).told["argv"] == [str(folder / "default_worker.py")]
    assert worker(folder).code == 3


def test_a_worker_begins_by_itself_where_the_server_has_ended(
    folder: Path, server: subprocess.Popen[bytes]
) -> None:
    server.kill()
    server.wait(30)
    assert worker(folder).code == 3


@pytest.mark.usefixtures("server")
def test_other_programs_are_no_copies(folder: Path) -> None:
    (folder / "agent.py").write_text(WORKER)
    assert Started(folder, str(folder / "agent.py")).code == 3


@pytest.mark.usefixtures("server")
def test_a_copy_has_the_variables_of_its_runtime_environment(folder: Path) -> None:
    started = set_up(
        folder,
        {
            "command_prefix": [],
            "env_vars": {"RAY_SERVE_X": "1", "OMP_WAIT_POLICY": "PASSIVE"},
            "py_executable": sys.executable,
            "override_worker_entrypoint": None,
            "java_jars": [],
        },
    )
    assert started.is_copy
    told = started.told
    script = str(folder / "default_worker.py")
    assert told["argv"] == [script, "--node-id=7", "--runtime-env-hash=5"]
    assert told["environment"]["RAY_SERVE_X"] == "1"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "context",
    [
        {"py_executable": "/usr/bin/python-of-the-job"},
        {"command_prefix": ["nice"]},
        {"env_vars": {"BERNIE_X": "${HOME}/x"}},
        {"env_vars": {"PYTHONPATH": "/job"}},
        {"of_a_later_ray": True},
    ],
)
def test_a_worker_of_another_runtime_environment_begins_by_itself(
    folder: Path, context: dict[str, Any]
) -> None:
    started = set_up(folder, context)
    assert (started.output, started.code) == ("set up\n", 4)


def test_the_server_ends_with_its_parent_and_leaves_no_zombies(
    folder: Path, server: subprocess.Popen[bytes]
) -> None:
    assert worker(folder).is_copy
    of_server = psutil.Process(server.pid)
    until(lambda: not of_server.children(), 10, "the copy is gone")
    assert server.stdin is not None
    server.stdin.close()
    assert server.wait(30) == 0


def test_who_no_longer_waits_gets_no_copy(folder: Path, server: subprocess.Popen[bytes]) -> None:
    (folder / "default_worker.py").write_text("open('ran', 'a').write('once')")
    program = "import sys, fork_request as it; it.WAIT_SECONDS = 0.3\n"
    program += "sys.exit(it.handed_over([sys.executable, *sys.argv[1:]]))"
    asked = [sys.executable, "-c", program, str(folder / "default_worker.py")]
    os.kill(server.pid, signal.SIGSTOP)
    try:
        assert subprocess.run(asked, env=ordinary(folder), cwd=folder, timeout=60).returncode == 0
    finally:
        os.kill(server.pid, signal.SIGCONT)
    worker(folder)  # a later one is a copy
    until((folder / "ran").exists, 10, "the later one has run")
    assert (folder / "ran").read_text() == "once"


def test_nobody_else_may_ask(folder: Path, server: subprocess.Popen[bytes]) -> None:
    assert server.poll() is None
    assert (folder / ADDRESS).stat().st_mode & 0o077 == 0


def test_running_ends_the_server(tmp_path: Path) -> None:
    (tmp_path / "default_worker.py").write_text(WORKER)
    with fork_server.running(tmp_path, ["noop"]):
        until((tmp_path / ADDRESS).is_socket, 30, "the server listens")
        address = str(tmp_path / ADDRESS)
        (server,) = [each for each in psutil.Process().children() if address in each.cmdline()]
        assert server.is_running()
    assert not server.is_running()


def test_what_is_imported_starts_no_thread_and_neither_ray_nor_cuda() -> None:
    modules = {each for names in registry.MODULES.values() for each in names}
    program = f"""
import importlib, os, sys
for name in {sorted(modules | set(fork_server.MODULES))!r}:
    importlib.import_module(name)
import torch
print(len(os.listdir("/proc/self/task")), "ray" in sys.modules, torch.cuda.is_initialized())
"""
    environment = {**os.environ, **fork_server.AT_IMPORT}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "False", "False"]
