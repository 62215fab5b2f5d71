"""The application behind a real port, for clients that speak HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from serve_app.cli.ports import free_port
from tests.serve_app.api_harness import Api
from tests.waiting import until


@contextmanager
def served(api: Api) -> Iterator[str]:
    """The URL of the server, which ends with the block."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(api.app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started, 10, "the server listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
