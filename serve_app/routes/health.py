"""For people at the front door, load balancers and Prometheus: alive, ready, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from serve_app.errors import ApiError
from serve_app.http.access import StateDep
from serve_app.http.app_state import AppState

router = APIRouter(include_in_schema=False)

_READ = ["GET", "HEAD"]


@router.api_route("/", methods=_READ)
async def index() -> dict[str, str]:
    """For people who open the address in a browser."""
    return {"name": "Bernie", "openapi": "/openapi.json", "guide": "docs/api.md"}


@router.api_route("/healthz", methods=_READ)
async def healthz() -> dict[str, str]:
    """The process answers; nothing else is asked."""
    return {"status": "alive"}


@router.api_route("/readyz", methods=_READ)
async def readyz(state: StateDep) -> dict[str, str]:
    """Database, object store and graph can take work."""
    missing = await state.readiness_check.do(lambda: _missing(state))
    if missing:
        message = f"Not ready: {', '.join(missing)}."
        raise ApiError(503, "not_ready", message, retry_after=1)
    return {"status": "ready"}


@router.get("/metrics")
async def metrics(state: StateDep) -> PlainTextResponse:
    """Prometheus text."""
    text = await state.metrics_scrape.do(lambda: run_in_threadpool(state.metrics))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def _missing(state: AppState) -> list[str]:
    graph, database, store = await asyncio.gather(
        state.graph_status(), _responds(state.database.ping), _responds(state.store.ready)
    )
    found = {"database": database, "object store": store, f"graph ({graph.detail})": graph.ready}
    return [name for name, ready in found.items() if not ready]


async def _responds(check: Callable[[], object]) -> bool:
    try:
        await run_in_threadpool(check)
    except Exception:  # noqa: BLE001 - whatever the reason, it is not ready
        return False
    return True
