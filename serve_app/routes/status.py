"""How the server is doing, in short: for a person who looks, not for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter

from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.openapi import errors
from serve_app.http.readiness import readiness
from serve_app.http.schemas.status import QueueOut, StatusOut
from serve_app.jobs import admission
from serve_app.jobs.admission import QueueStats
from serve_app.settings import SERVICES

router = APIRouter(prefix="/api", tags=["services"])


@router.get(
    "/status", summary="Whether the server is ready, and what waits", responses=errors(401, 403)
)
async def get_status(user: CurrentUser, state: StateDep) -> StatusOut:
    """The replicas of each deployment that run, and for each service the clips that could start and
    wait. Lines of batches do not count: nobody waits for them. Those who ask at the same time share
    one look."""
    found = await readiness(state)
    queue = await state.queue_look.do(lambda: state.work.reads.run(user.id, _queue, state))
    return StatusOut(
        ready=not found.missing,
        message=found.message,
        replicas=dict(found.replicas),
        queues=[QueueOut(service=name, waiting=queue.depth.get(name, 0)) for name in SERVICES],
        oldest_seconds=round(queue.oldest_age_seconds, 3),
        running=queue.running,
    )


def _queue(state: AppState) -> QueueStats:
    with state.database.reading() as session:
        return admission.stats(session, state.clock(session))
