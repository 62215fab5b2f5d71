"""A FastAPI application of one route that does nothing, in a process of its own, to compare with.

python -m benchmarks.bare_http PORT
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from serve_app.cli.ports import free_port

_PATIENCE_SECONDS = 30


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/api/me")
    async def me() -> dict[str, int]:
        return {"credits": 0}

    return app


@contextmanager
def serving() -> Iterator[str]:
    """The URL of such an application."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.bare_http", str(port)])
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(url):
            assert process.poll() is None, "the application ended"
            assert time.monotonic() < deadline, "the application does not answer"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/me").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    uvicorn.run(application(), port=int(sys.argv[1]), log_level="warning")
