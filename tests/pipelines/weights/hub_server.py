"""A model hub on loopback: its protocol, and the failures of a real one."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGE = (".pth", ".bin")
"""Kinds of files that a hub serves from other storage, by a redirect."""


@dataclass
class Hub:
    """Repositories by name, each with its files; `requests` are (method, path, range)."""

    repositories: dict[str, dict[str, bytes]]
    gated: set[str] = field(default_factory=set)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    per_connection: int | None = None
    """Bytes after which a connection breaks."""
    budget: int | None = None
    """Bytes after which all connections break."""
    ranges: bool = True

    def downloads(self, path: str) -> list[str | None]:
        """The ranges asked of one file's contents; None stands for the whole of it."""
        etags = {_etag(files[path]) for files in self.repositories.values() if path in files}
        return [
            asked
            for method, url, asked in self.requests
            if method == "GET" and (url.endswith(path) or url.removeprefix("/cdn/") in etags)
        ]

    def take(self, wanted: int) -> int:
        """How many of so many bytes this connection may send."""
        allowed = wanted if self.per_connection is None else min(wanted, self.per_connection)
        if self.budget is not None:
            allowed = min(allowed, self.budget)
            self.budget -= allowed
        return allowed


class HubServer:
    """Serves a `Hub` while the context lasts; `url` goes into HF_ENDPOINT."""

    def __init__(self, hub: Hub) -> None:
        handler = type("Handler", (_Handler,), {"hub": hub})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _etag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        self.hub.requests.append((self.command, self.path, self.headers.get("Range")))
        if self.path.startswith("/cdn/"):
            return self._content(self._stored(self.path.removeprefix("/cdn/")))
        parts = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        assert parts, self.path
        repository, _, path = parts.groups()
        if repository in self.hub.gated:
            return self._refuse(401, "GatedRepo")
        files = self.hub.repositories.get(repository)
        if files is None:
            return self._refuse(401, "RepoNotFound")
        if path not in files:
            return self._refuse(404, "EntryNotFound")
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        return self._file(files[path], commit, redirected=path.endswith(LARGE))

    def _stored(self, etag: str) -> bytes:
        contents = (
            content for files in self.hub.repositories.values() for content in files.values()
        )
        return next(content for content in contents if _etag(content) == etag)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, content: bytes, commit: str, *, redirected: bool) -> None:
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_etag(content)}"'}
        if not redirected:
            return self._content(content, headers)
        # Under another name, as a content network has.
        port = self.headers["Host"].rpartition(":")[2]
        headers |= {
            "X-Linked-Etag": headers["ETag"],
            "X-Linked-Size": str(len(content)),
            "Location": f"http://localhost:{port}/cdn/{_etag(content)}",
            "Content-Length": "0",
        }
        self.send_response(302)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _content(self, content: bytes, headers: dict[str, str] | None = None) -> None:
        start = 0
        if self.hub.ranges and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[start : start + self.hub.take(len(content) - start)])
        self.close_connection = True
