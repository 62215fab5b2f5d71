"""API keys: credentials of programs, valid until they expire or are revoked."""

from __future__ import annotations

from fastapi import APIRouter, Response

from serve_app.accounts import credentials
from serve_app.http.access import CurrentSession, CurrentUser, StateDep
from serve_app.http.openapi import WITH_BODY, errors
from serve_app.http.schemas.accounts import CreatedKeyOut, KeyOut, NewKey
from serve_app.http.schemas.common import ListOut
from serve_app.http.work import reads, writes

router = APIRouter(prefix="/api/keys", tags=["keys"])


@router.post(
    "", status_code=201, summary="Make an API key", responses=errors(401, 403, 409, *WITH_BODY)
)
@writes
def create_key(body: NewKey, caller: CurrentSession, state: StateDep) -> CreatedKeyOut:
    """Takes a session. The answer holds the secret; only a hash of it is kept."""
    with state.database.transaction() as session:
        now = state.clock(session)
        lasts = body.expires_in_seconds
        expires_at = None if lasts is None else now + lasts
        key, secret = credentials.create_key(
            session, caller.user_id, body.name, expires_at, now, body.scopes
        )
        return CreatedKeyOut.with_secret(key, secret)


@router.get("", summary="The account's API keys", responses=errors(401, 403))
@reads
def list_keys(user: CurrentUser, state: StateDep) -> ListOut[KeyOut]:
    with state.database.reading() as session:
        keys = credentials.list_keys(session, user.id)
    return ListOut(items=[KeyOut.of(key) for key in keys])


@router.delete(
    "/{key_id}",
    status_code=204,
    response_class=Response,
    summary="Revoke an API key",
    responses=errors(401, 403, 404, 422),
)
@writes
def revoke_key(key_id: str, caller: CurrentSession, state: StateDep) -> None:
    """Takes a session. From now on the key is refused."""
    with state.database.transaction() as session:
        credentials.revoke_key(session, caller.user_id, key_id, state.clock(session))
