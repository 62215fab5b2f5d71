"""Liveness, readiness and metrics, for load balancers and Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from serve_app.errors import ApiError
from serve_app.http.access import StateDep
from serve_app.http.readiness import readiness

router = APIRouter(include_in_schema=False)

_READ = ["GET", "HEAD"]


@router.api_route("/healthz", methods=_READ)
async def healthz() -> dict[str, str]:
    """The process answers. Nothing else is checked."""
    return {"status": "alive"}


@router.api_route("/readyz", methods=_READ)
async def readyz(state: StateDep) -> dict[str, str]:
    """Whether database, object store and graph can take work."""
    found = await readiness(state)
    if found.missing:
        raise ApiError(503, "not_ready", found.message, retry_after=1)
    return {"status": "ready"}


@router.get("/metrics")
async def metrics(state: StateDep) -> PlainTextResponse:
    """Prometheus text."""
    text = await state.metrics_scrape.do(lambda: state.work.probes.run("", state.metrics))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")
