"""The whole system on loopback in one process tree: SeaweedFS, the database, Ray, Serve."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from serve_app.cli.leftovers import end_processes_with
from serve_app.cli.ports import free_port
from serve_app.deployments import fork_server, haproxy, ray_environment
from serve_app.http.work import is_loopback
from serve_app.private_files import write_private
from serve_app.settings import Settings
from serve_app.storage.seaweedfs import Access, SeaweedFS
from serve_app.storage.store import ObjectStore
from serve_app.worker.worker import STOP_SECONDS

if TYPE_CHECKING:
    from ray.serve import Application

Report = Callable[[str], None]

_RAY_FOLDER = "bernie-ray-"
_GRACE_SECONDS = 2


class StackError(RuntimeError):
    """The local stack cannot be started; the message says why and what to do."""


class RayGone(RuntimeError):
    """Ray is not there any more to be stopped; nothing of it is left. The process has to end now:
    Ray's own code in it would wait for a minute, and then abort it."""


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A running stack: its settings, and the store if it is the built-in one."""

    settings: Settings
    store: SeaweedFS | None

    def check(self) -> None:
        """Raises EmbeddedStoreError if the built-in store has ended."""
        if self.store is not None:
            self.store.check()


@contextmanager
def local_stack(
    settings: Settings, report: Report, dashboard_port: int = 8265
) -> Iterator[LocalStack]:
    """Starts all parts, and stops them in reverse order.

    A database or S3 endpoint in the settings is used as it is. Raises StackError where a port or
    the folder is in use, EmbeddedStoreError, and StoreError where an external S3 cannot be used.
    """
    require_room(settings, dashboard_port)
    private_folder(settings.data_dir)
    settings = settings.model_copy(update={"internal_host": "127.0.0.1"})  # all is on this machine
    with ExitStack() as stack, ThreadPoolExecutor(1, thread_name_prefix="start") as aside:
        stack.enter_context(_only_one(settings.data_dir))
        folder = stack.enter_context(_ray_environment(settings))
        stack.enter_context(fork_server.running(folder, settings.pipelines().values()))
        store = None
        if settings.s3_endpoint:
            report("Looking at the object store")
            _require_store(settings)
        else:
            report("Starting SeaweedFS (S3) and Ray")
            store = stack.enter_context(SeaweedFS(settings.data_dir / "seaweedfs", wait=False))
            settings = _with_own_origins(with_store(settings, store))
        stack.enter_context(_environment(for_jobs(settings)))
        graph = aside.submit(_graph, settings, store)  # while Ray starts
        stack.enter_context(_ray(folder, dashboard_port, report))
        report("Loading models and starting the graph")
        stack.enter_context(_serve(settings, graph))
        yield LocalStack(settings, store)


def require_room(settings: Settings, dashboard_port: int = 8265) -> None:
    """Raises StackError where another stack runs on the folder, or a port is in use. Leaves nothing
    behind."""
    if os.access(settings.data_dir / "lock", os.W_OK):
        with _only_one(settings.data_dir):
            pass
    _require_free(settings.host, settings.port, "--port")
    _require_free("127.0.0.1", dashboard_port, "--dashboard-port")


def with_store(settings: Settings, store: Access) -> Settings:
    """Settings that name the store."""
    return settings.model_copy(
        update={
            "s3_endpoint": store.endpoint,
            "s3_access_key": SecretStr(store.access_key),
            "s3_secret_key": SecretStr(store.secret_key),
        }
    )


def for_jobs(settings: Settings) -> dict[str, str]:
    """The environment of Ray jobs, which is that of Ray: the system as it runs, with what was
    decided at its start, and this Python before all others."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "BERNIE_DATA_DIR": str(settings.data_dir.resolve()),
        "BERNIE_S3_ENDPOINT": settings.s3_endpoint,
        "BERNIE_S3_BUCKET": settings.s3_bucket,
        "BERNIE_S3_ACCESS_KEY": settings.s3_access_key.get_secret_value(),
        "BERNIE_S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
    }


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Sets variables for the processes that are started meanwhile."""
    earlier = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _with_own_origins(settings: Settings) -> Settings:
    """The built-in store serves pages of this server's own addresses, unless others are set."""
    addresses = {settings.host, *(("127.0.0.1", "localhost") if is_loopback(settings.host) else ())}
    own = ",".join(sorted(base_url(host, settings.port) for host in addresses))
    return settings.model_copy(update={"studio_origins": settings.studio_origins or own})


def base_url(host: str, port: int) -> str:
    """The address of the server at a host name or an address of either family."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def private_folder(folder: Path) -> None:
    """Creates a folder that only its owner can read. Raises StackError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        message = f"{folder} cannot be the folder of --data-dir (BERNIE_DATA_DIR): {error.strerror}"
        raise StackError(message) from error


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Locks the folder; waits a moment for a previous stack that is about to end."""
    with (folder / "lock").open("w") as lock:
        deadline = time.monotonic() + _GRACE_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"Bernie already runs on {folder}. Stop it, or give another --data-dir."
                    ) from None
                time.sleep(0.1)
        yield


def _require_free(host: str, port: int, option: str) -> None:
    """Raises StackError where the port cannot be bound, with the reason and what to change."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            message = f"BERNIE_HOST: {host} is no address of this machine."
        elif error.errno == errno.EADDRINUSE:
            message = f"Port {port} of {host} is in use. Choose another with {option}."
        else:
            message = f"Port {port} of {host} cannot be used ({error.strerror}); see {option}."
        raise StackError(message) from error


def _require_store(settings: Settings) -> None:
    try:
        ObjectStore(settings).ensure_bucket()
    except ValueError as error:
        message = "BERNIE_S3_ENDPOINT must be a URL such as https://s3.example.com."
        raise StackError(message) from error


@contextmanager
def _ray_environment(settings: Settings) -> Iterator[Path]:
    """The environment of Ray, which reads it at its import, and Ray's folder.

    Ray listens on all interfaces in any case, and executes what it receives. A new token for every
    start keeps everybody else out.
    """
    os.environ.update(ray_environment.RAY)
    os.environ["PYTHONPATH"] = ray_environment.python_path(os.environ.get("PYTHONPATH", ""))
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    write_private(settings.data_dir / "ray-token", os.environ["RAY_AUTH_TOKEN"])
    # A folder of its own hides the address of an earlier cluster. Ray's sockets lie below it, and
    # their paths may have at most 107 characters. Ray opens its folder to all users, and each of
    # its workers does so again: it lies in one that is closed.
    _remove_orphans()
    private = Path(tempfile.mkdtemp(prefix=f"{_RAY_FOLDER}{os.getpid()}-"))
    folder = private / "r"
    folder.mkdir()
    os.environ["RAY_TMPDIR"] = str(folder)
    try:
        with _environment(haproxy.environment(private, settings.host, free_port())):
            yield folder
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _graph(settings: Settings, store: SeaweedFS | None) -> Application:
    from serve_app.app import build

    if store is not None:
        store.wait_until_ready()
    return build(settings)


@contextmanager
def _ray(folder: Path, dashboard_port: int, report: Report) -> Iterator[None]:
    import ray

    try:
        try:
            with (
                _signals_wait(report),
                _ray_parameters(
                    dashboard_agent_listen_port=0, no_monitor=True, include_log_monitor=False
                ),
            ):
                ray.init(
                    address="local",
                    include_dashboard=True,
                    dashboard_host="127.0.0.1",
                    dashboard_port=dashboard_port,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=str(folder),
                )
        except Exception as error:  # Ray's own are of no narrower kind
            raise StackError(f"Ray could not be started. {error}") from error
        yield
    except RayGone:
        end_processes_with("RAY_TMPDIR", str(folder), _GRACE_SECONDS)
        raise
    except BaseException:
        ray.shutdown()
        raise
    else:
        ray.shutdown()


@contextmanager
def _signals_wait(report: Report) -> Iterator[None]:
    """Signals that end the process come at the end of this: what Ray has half started could not be
    stopped. The second takes effect at once. Ray's own handler is kept away: it aborts the process,
    and nothing would be drained."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    from ray._private import utils

    came: list[int] = []

    def wait(number: int, _frame: object) -> None:
        came.append(number)
        signal.signal(number, earlier[number])
        report("Stopping once Ray has started")

    ray_utils: Any = utils
    set_handler = ray_utils.set_sigterm_handler
    ray_utils.set_sigterm_handler = lambda _handler: None
    numbers: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)
    earlier = {each: signal.getsignal(each) for each in numbers}
    for each in earlier:
        signal.signal(each, wait)
    try:
        yield
    finally:
        ray_utils.set_sigterm_handler = set_handler
        for each, handler in earlier.items():
            signal.signal(each, handler)
        for number in came:
            signal.raise_signal(number)


@contextmanager
def _ray_parameters(**given: Any) -> Iterator[None]:
    """Parameters of Ray for which `ray.init` has no argument.

    The agent that takes jobs listens on port 52365 unless told otherwise. With a second Ray on the
    machine it would end, and no job could be submitted. The monitor would start other machines, and
    the log monitor would send the logs of workers here.
    """
    from ray._private import parameter

    parameters: Any = parameter.RayParams
    names: Any = parameter
    names.RayParams = partial(parameters, **given)
    try:
        yield
    finally:
        names.RayParams = parameters


def _remove_orphans() -> None:
    """Removes Ray's folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_RAY_FOLDER}*-*"):
        pid = folder.name.removeprefix(_RAY_FOLDER).split("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _serve(settings: Settings, graph: Future[Application]) -> Iterator[None]:
    from ray import serve
    from ray.serve.config import HTTPOptions

    from serve_app.app import APP_NAME

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(http_options=HTTPOptions(host=settings.host, port=settings.port))
    serve.run(graph.result(), name=APP_NAME, route_prefix="/")
    try:
        yield
    finally:
        # Drains the replicas. The rest of Serve ends with Ray.
        _within(partial(serve.delete, APP_NAME), settings.drain_seconds + STOP_SECONDS + 15)


def _within(stop: Callable[[], None], seconds: float) -> None:
    """Raises RayGone where Ray ends before it has stopped what it runs, or does not do so in
    time. Ray itself would wait a minute for its own return."""
    import ray

    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    deadline = time.monotonic() + seconds
    while stopping.is_alive():
        stopping.join(0.5)
        if not _listens(host, int(port)):
            raise RayGone("Ray was ended by the same signal, so nothing could be drained.")
        if time.monotonic() > deadline:
            raise RayGone("The replicas did not end in time.")


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 2).close()
    except OSError:
        return False
    return True
