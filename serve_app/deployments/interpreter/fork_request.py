"""A worker process of Ray that leaves its work to a copy of the fork server (`fork_server.py`).

It runs in each Python process of Ray before anything else, so it imports what takes time only where
it goes on.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ADDRESS = "fork-server"
"""The socket, in Ray's folder."""
SCRIPTS = ("setup_worker.py", "default_worker.py")
WAIT_SECONDS = 30
"""The fork server may be importing what this process would import. Ray gives a worker a minute to
begin, in which there has to be time for that."""


def handed_over(argv: list[str]) -> bool:
    """Whether a copy does what this process was started for. `argv`: with the interpreter."""
    address = Path(os.environ.get("RAY_TMPDIR", "")) / ADDRESS
    if len(argv) < 2 or Path(argv[1]).name not in SCRIPTS or not address.is_socket():
        return False
    import json
    import socket

    request = {
        "executable": sys.executable,
        "argv": argv[1:],
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "oom_score_adj": Path("/proc/self/oom_score_adj").read_text(),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WAIT_SECONDS)
        try:
            connection.connect(str(address))
            socket.send_fds(connection, [b"\0"], [0, 1, 2])
            connection.sendall(json.dumps(request).encode())
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(1) == b"1"
        except OSError:  # it has ended
            return False
