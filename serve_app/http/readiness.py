"""Whether database, object store and graph can take work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from serve_app.http.app_state import AppState, GraphStatus, Readiness
from serve_app.http.single_flight import SingleFlight

LOOK_SECONDS = 5.0
"""How long each part has to answer."""

_Look = Callable[[], Coroutine[Any, Any, GraphStatus | None]]


async def readiness(state: AppState) -> Readiness:
    """Asked by many at a time, it is looked at once."""
    return await state.readiness_check.do(lambda: _look_at_all(state))


async def _look_at_all(state: AppState) -> Readiness:
    looks: dict[str, _Look] = {
        "database": lambda: state.work.probes.run("", state.database.ping),
        "object store": lambda: state.work.probes.run("", state.store.ready),
        "graph": lambda: _graph(state),
    }
    found = await asyncio.gather(
        *(_look_at(state.part_checks[part], look) for part, look in looks.items())
    )
    missing = [
        f"{part} ({each.detail})" if each.detail else part
        for part, each in zip(looks, found, strict=True)
        if not each.ready
    ]
    return Readiness(tuple(missing), found[-1].replicas)


async def _graph(state: AppState) -> GraphStatus:
    return await state.graph_status()


async def _look_at(flight: SingleFlight[GraphStatus | None], look: _Look) -> GraphStatus:
    """Whether a part is ready. A look that hangs is waited for no longer than anybody would, and no
    second one is begun beside it."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await flight.do(look) or GraphStatus(ready=True)
    except Exception:  # noqa: BLE001 - whatever the reason, it is not ready
        return GraphStatus(ready=False)
