from __future__ import annotations

import socket

import pytest

from serve_app.cli import ports
from serve_app.cli.ports import free_port


def test_free_port_is_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(ports, "_PORTS", range(port, port + 1))
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OSError, match="no port"):
        free_port()
    assert free_port() == port
