"""Liveness, readiness and metrics, for load balancers and Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from serve_app.errors import ApiError
from serve_app.http.access import StateDep
from serve_app.http.app_state import AppState
from serve_app.http.single_flight import SingleFlight

router = APIRouter(include_in_schema=False)

LOOK_SECONDS = 5.0
"""How long each part has to answer."""
_READ = ["GET", "HEAD"]


@router.api_route("/healthz", methods=_READ)
async def healthz() -> dict[str, str]:
    """The process answers. Nothing else is checked."""
    return {"status": "alive"}


@router.api_route("/readyz", methods=_READ)
async def readyz(state: StateDep) -> dict[str, str]:
    """Whether database, object store and graph can take work."""
    missing = await state.readiness_check.do(lambda: _missing(state))
    if missing:
        message = f"Not ready: {', '.join(missing)}."
        raise ApiError(503, "not_ready", message, retry_after=1)
    return {"status": "ready"}


@router.get("/metrics")
async def metrics(state: StateDep) -> PlainTextResponse:
    """Prometheus text."""
    text = await state.metrics_scrape.do(lambda: state.work.probes.run("", state.metrics))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def _missing(state: AppState) -> list[str]:
    checks = {
        "database": lambda: state.work.probes.run("", state.database.ping),
        "object store": lambda: state.work.probes.run("", state.store.ready),
        "graph": lambda: _graph(state),
    }
    problems = await asyncio.gather(
        *(_problem(state.part_checks[part], part, check) for part, check in checks.items())
    )
    return [problem for problem in problems if problem]


async def _graph(state: AppState) -> None:
    status = await state.graph_status()
    if not status.ready:
        raise _NotReady(f"({status.detail})")


async def _problem(
    flight: SingleFlight[None], part: str, check: Callable[[], Coroutine[Any, Any, None]]
) -> str:
    """What is wrong with a part, or nothing. A look that hangs is waited for no longer than anybody
    would, and no second one is begun beside it."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            await flight.do(check)
    except _NotReady as error:
        return f"{part} {error}"
    except Exception:  # noqa: BLE001 - whatever the reason, it is not ready
        return part
    return ""


class _NotReady(Exception):
    """The message says what is missing."""
