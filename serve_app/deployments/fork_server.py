"""Workers of Ray as copies of one process that has imported what all of them need.

    python -m serve_app.deployments.fork_server ADDRESS MODULE…

A worker that begins with nothing imports Ray, Serve and mostly torch, for two to three CPU-seconds,
and a laptop runs a dozen of them on a few cores. A copy, by `fork`, has them at once and shares
their memory. `interpreter/fork_request.py` asks for one. Where the answer is no, or nobody answers,
the worker begins as Ray has it.

The server has no threads of its own and computes nothing. It ends with the process that started it.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pipelines import registry
from serve_app.deployments import ray_environment
from serve_app.deployments.interpreter.fork_request import ADDRESS

MODULES = (
    *("serve_app.api", "serve_app.bulk.service", "serve_app.worker.worker"),
    *("grpc.aio", "jsonschema", "opentelemetry.sdk.metrics", "requests", "uvicorn"),
)
"""What ingress and worker import, and what Ray and Serve import of others. Ray is left to the
copies: as it is imported it reads what is of one worker, such as its job."""
AT_IMPORT = {
    "OMP_NUM_THREADS": "1",
    **ray_environment.OMP_PASSIVE_WAIT,
    **ray_environment.SHAPE_CACHES,
}
"""What torch's libraries read as they are loaded. With one thread they start none; a stage sets how
many it takes itself (`use_threads`)."""
_FREE = frozenset(
    ("PATH", "PWD", "OLDPWD", "SHLVL", "_", "SPT_NOENV", "KMP_INIT_AT_FORK", "OMP_NUM_THREADS")
)
_PREFIXES = ("RAY_", "BERNIE_", "MALLOC_")
"""Variables that may be others in a copy: they are read later, or can be set."""
_MALLOPT = {
    "MALLOC_TRIM_THRESHOLD_": -1,
    "MALLOC_TOP_PAD_": -2,
    "MALLOC_MMAP_THRESHOLD_": -3,
    "MALLOC_ARENA_MAX": -8,
}
"""Variables that glibc reads as a process begins, and the numbers of these parameters in its
`malloc.h`."""
_INT_MAX = 2**31 - 1


class Request(NamedTuple):
    """What a worker was started with."""

    executable: str
    argv: list[str]
    environment: dict[str, str]
    folder: str
    oom_score_adj: str

    @classmethod
    def read(cls, text: bytes) -> Request:
        """With what Ray's `setup_worker.py` would do. Raises ValueError, KeyError, TypeError."""
        return cls(**json.loads(text))._set_up()

    def _set_up(self) -> Request:
        if Path(self.argv[0]).name != "setup_worker.py":
            return self
        parser = argparse.ArgumentParser(allow_abbrev=False)
        parser.add_argument("--serialized-runtime-env-context", default="{}")
        parser.add_argument("--language")
        options, argv = parser.parse_known_args(self.argv[1:])
        context = json.loads(options.serialized_runtime_env_context)
        changes = context.pop("env_vars", {})
        executable = context.pop("py_executable", None) or self.executable
        if options.language != "PYTHON" or any(context.values()):
            raise ValueError("a runtime environment of more than variables")
        if any("$" in value for value in changes.values()):
            raise ValueError("a variable that is made of others")
        return self._replace(
            executable=executable, argv=argv, environment={**self.environment, **changes}
        )


@contextmanager
def running(folder: Path, pipelines: Iterable[str]) -> Iterator[None]:
    """The server for workers of the Ray whose folder this is, and of these pipelines. Where there
    is no `fork` that can be relied on, workers begin as Ray has it."""
    if sys.platform != "linux":
        yield
        return
    of_pipelines = [each for name in pipelines for each in registry.MODULES.get(name, ())]
    with (folder / "fork-server.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603 - this module
            [sys.executable, "-m", __spec__.name, str(folder / ADDRESS), *of_pipelines, *MODULES],
            env={**os.environ, **AT_IMPORT},
            stdin=subprocess.PIPE,  # it ends with this process
            stdout=log,
            stderr=log,
        )
    with server:
        try:
            yield
        finally:
            server.terminate()


def serve(listener: socket.socket, parent: int) -> Request | None:
    """Returns in each copy with the request that it is for, and in the server with None, when the
    other end of the descriptor `parent` is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # copies are not waited for
    while True:
        ready, _, _ = select.select([listener.fileno(), parent], [], [])
        if parent in ready:
            return None
        with listener.accept()[0] as connection, suppress(OSError):
            request, descriptors = _received(connection)
            try:
                if request is not None and _fits(request) and os.fork() == 0:
                    listener.close()
                    _take_over(connection, descriptors)
                    return request
            finally:
                for each in descriptors:
                    os.close(each)


def _received(connection: socket.socket) -> tuple[Request | None, list[int]]:
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    text = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    try:
        return Request.read(text), descriptors
    except (ValueError, KeyError, TypeError):
        return None, descriptors


def _fits(request: Request) -> bool:
    """Whether the process would be as this one: all else than what can be set later is the same."""
    here, there = os.environ, request.environment
    differ = {name for name in here.keys() | there.keys() if here.get(name) != there.get(name)}
    differ -= {name for name in AT_IMPORT if name not in there}
    return request.executable == sys.executable and all(map(_is_free, differ))


def _is_free(name: str) -> bool:
    return name in _FREE or name.startswith(_PREFIXES)


def _take_over(connection: socket.socket, descriptors: Iterable[int]) -> None:
    """Lets the process that asked end, and takes its standard streams. Ends this copy where that no
    longer waits: it does its work itself."""
    try:
        connection.sendall(b"1")
        for number, each in enumerate(descriptors):
            os.dup2(each, number)
    except OSError:
        os._exit(1)


def become(request: Request) -> None:
    """Makes this copy the process that was asked for. Returns or raises when that ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)  # Ray ends the process group of a worker
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(request.oom_score_adj)
    _set_up_malloc(request.environment)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    sys.argv = request.argv
    sys.orig_argv = [request.executable, *request.argv]
    sys.path[0] = str(Path(request.argv[0]).parent)
    runpy.run_path(request.argv[0], run_name="__main__")


def _set_up_malloc(environment: Mapping[str, str]) -> None:
    with suppress(AttributeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        for name, number in _MALLOPT.items():
            if name in environment:
                mallopt(number, min(int(environment[name]), _INT_MAX))


def main() -> None:
    address, *modules = sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # as Ray's processes
    earlier = os.umask(0o177)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        os.umask(earlier)
        listener.listen()
        for name in modules:
            with suppress(ImportError):  # one of Ray's that is not there is not needed
                importlib.import_module(name)
        gc.collect()
        gc.freeze()  # pages are shared until they are written to
        request = serve(listener, sys.stdin.fileno())
    if request is not None:
        become(request)


if __name__ == "__main__":
    main()
