"""HAProxy in front of `bernie up`: who listens where, and clients that stop reading."""

from __future__ import annotations

import socket
import stat
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.system.replicas import replicas
from tests.system.small import SmallSystem
from tests.system.test_proxy_middleware import me
from tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Ray has HAProxy for Linux")

READERS = 8
FIRST = 3
"""Clips that are made before, so that the readers come early enough."""
MEBIBYTE = 1 << 20
HEAD_BYTES = 100
"""More than WAV's head has, which differs between a stream and a file."""
TEXT = ("Hello there my friend. " * 200).strip()


def haproxies(below: int) -> list[psutil.Process]:
    found = psutil.Process(below).children(recursive=True)
    return [each for each in found if each.name() == "haproxy"]


def ask(http: httpx.Client, path: str) -> socket.socket:
    """A connection of the same user that has asked, and reads nothing."""
    reader = socket.create_connection((http.base_url.host, http.base_url.port))
    reader.settimeout(30)
    head = [
        f"GET {path} HTTP/1.1",
        "Host: bernie",
        "Connection: close",
        f"Authorization: {http.headers['Authorization']}",
    ]
    reader.sendall("\r\n".join([*head, "", ""]).encode())
    return reader


def read_on(reader: socket.socket) -> bytes:
    answer = b""
    while block := reader.recv(MEBIBYTE):
        answer += block
    return answer


def test_haproxy_takes_the_port_and_nothing_else(small_system: SmallSystem) -> None:
    up = small_system.up()
    (haproxy,) = haproxies(up.process.pid)
    listening = [each for each in haproxy.net_connections() if each.status == psutil.CONN_LISTEN]
    assert {(each.laddr.ip, each.laddr.port) for each in listening} == {
        ("127.0.0.1", small_system.port)
    }
    (folder,) = Path(tempfile.gettempdir()).glob(f"bernie-ray-{up.process.pid}-*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "what HAProxy reads is nobody else's"
    assert str(folder) in haproxy.cmdline()[3]


def test_reader_that_stops_reading_holds_little_and_hears_all_later(
    small_system: SmallSystem,
) -> None:
    up = small_system.up()
    (ingress,) = replicas("ingress", below=up.process.pid)
    watched = [ingress, *haproxies(up.process.pid)]
    with up.new_user() as http:
        body = {"text": TEXT, "voice": "woman", "format": "wav"}
        before = sum(each.memory_info().rss for each in watched)
        clips = [
            http.post("/api/speech", json=body).raise_for_status().json()["id"]
            for _ in range(READERS + FIRST)
        ]
        paths = [f"/api/clips/{clip}/audio?stream=1" for clip in clips[FIRST:]]
        readers = [ask(http, path) for path in paths]
        until(lambda: not me(http)["held"], 60, "the clips are made")
        time.sleep(3)
        grown = sum(each.memory_info().rss for each in watched) - before
        assert grown < READERS * 2 * MEBIBYTE, f"{grown / MEBIBYTE:.0f} MiB"
        for path, reader in zip(paths, readers, strict=True):
            stored = http.get(path, follow_redirects=True).raise_for_status().content
            assert len(stored) > 8 * MEBIBYTE, "little could be held back"
            with reader:
                assert stored[HEAD_BYTES:] in unchunked(read_on(reader))


def unchunked(answer: bytes) -> bytes:
    """The body of an answer, without the rest of its head."""
    body, rest = b"", answer.split(b"\r\n\r\n", 1)[1]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2 :]
    return body
