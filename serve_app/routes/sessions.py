"""Sessions: where an account is signed in, and ending them from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter, Response

from serve_app.accounts import credentials
from serve_app.http.access import AnyCaller, CurrentSession, CurrentUser, StateDep
from serve_app.http.openapi import errors
from serve_app.http.schemas.accounts import SessionOut
from serve_app.http.schemas.common import ListOut
from serve_app.http.work import reads, writes

router = APIRouter(prefix="/api/sessions", tags=["accounts"])


@router.get("", summary="Where the account is signed in", responses=errors(401, 403))
@reads
def list_sessions(user: CurrentUser, caller: AnyCaller, state: StateDep) -> ListOut[SessionOut]:
    """Newest first; `current` is the one that asks."""
    with state.database.reading() as session:
        found = credentials.list_sessions(session, user.id, state.clock(session))
    current = caller.credential.id
    return ListOut(items=[SessionOut.of(each, each.id == current) for each in found])


@router.delete(
    "",
    status_code=204,
    response_class=Response,
    summary="Sign out everywhere",
    responses=errors(401, 403),
)
@writes
def end_sessions(caller: CurrentSession, state: StateDep) -> None:
    """Takes a session, and ends it with all others of the account. API keys stay valid."""
    with state.database.transaction() as session:
        credentials.end_sessions(session, caller.user_id, state.clock(session))


@router.delete(
    "/{session_id}",
    status_code=204,
    response_class=Response,
    summary="End one session",
    responses=errors(401, 403, 404),
)
@writes
def end_session(session_id: str, caller: CurrentSession, state: StateDep) -> None:
    """Takes a session. From now on the token of the one that is ended is refused."""
    with state.database.transaction() as session:
        now = state.clock(session)
        credentials.end_session(session, caller.user_id, session_id, now)
