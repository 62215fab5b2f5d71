"""For people at the front door, load balancers and Prometheus: alive, ready, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from serve_app.errors import ServiceError
from serve_app.http.access import ServicesOf
from serve_app.http.dependencies import Services

router = APIRouter(include_in_schema=False)

_READ = ["GET", "HEAD"]


@router.api_route("/", methods=_READ)
async def front_door() -> dict[str, str]:
    """For people who open the address in a browser."""
    return {"name": "Bernie", "openapi": "/openapi.json", "guide": "docs/api.md"}


@router.api_route("/healthz", methods=_READ)
async def healthz() -> dict[str, str]:
    """The process answers; nothing else is asked."""
    return {"status": "alive"}


@router.api_route("/readyz", methods=_READ)
async def readyz(services: ServicesOf) -> dict[str, str]:
    """Database, object store and graph can take work."""
    missing = await services.missing_now.ask(lambda: _missing(services))
    if missing:
        message = f"Not ready: {', '.join(missing)}."
        raise ServiceError(503, "not_ready", message, retry_after=1)
    return {"status": "ready"}


@router.get("/metrics")
async def metrics(services: ServicesOf) -> PlainTextResponse:
    """Prometheus text."""
    text = await services.metrics_now.ask(lambda: run_in_threadpool(services.metrics))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def _missing(services: Services) -> list[str]:
    graph, database, store = await asyncio.gather(
        services.graph_status(), _works(services.database.ping), _works(services.store.ready)
    )
    found = {"database": database, "object store": store, f"graph ({graph.detail})": graph.ready}
    return [name for name, ready in found.items() if not ready]


async def _works(check: Callable[[], object]) -> bool:
    try:
        await run_in_threadpool(check)
    except Exception:  # noqa: BLE001 - whatever the reason, it is not ready
        return False
    return True
