"""Ports for servers that are started a moment later."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

_PORTS = range(22_700, 30_000)
"""Apart from the ports of Ray's workers and of SeaweedFS, and below the ephemeral ports."""


def free_port() -> int:
    """An unused port of loopback outside the ephemeral range: seconds pass between the choice and
    the first use, in which Ray alone asks for a dozen ephemeral ports."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no port from {_PORTS[0]} to {_PORTS[-1]} is free")
