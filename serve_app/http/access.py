"""FastAPI dependencies: the application's state, and the user of a bearer token, which may also
come as `xi-api-key`, the header of ElevenLabs' clients.

The scope that a credential needs follows from the request's method: `read` for GET and HEAD,
`generate` for everything else. It is checked here, so that no route can forget to.
"""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.exc import SQLAlchemyError

from serve_app.accounts import credentials
from serve_app.accounts.credentials import Caller
from serve_app.bulkheads import Busy
from serve_app.db.models import ApiKey, SignInSession, User
from serve_app.errors import ApiError
from serve_app.http.app_state import AppState
from serve_app.ids import hash_token

log = logging.getLogger(__name__)

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="The token of a sign-in (`bs_…`) or an API key (`bk_…`).",
)


async def _app_state(request: Request) -> AppState:
    state: AppState = request.app.state.bernie
    return state


StateDep = Annotated[AppState, Depends(_app_state)]


async def _caller(
    request: Request,
    state: StateDep,
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    token = sent.credentials if sent is not None else request.headers.get("xi-api-key", "")
    if not token:
        message = "Sign in, or send an API key, as `Authorization: Bearer …`."
        raise ApiError(401, "missing_credentials", message)
    # Who it is is not known yet: what a credential's requests may take up is its own share.
    share = hash_token(token)
    caller, now = await state.work.reads.run(share, _authenticate, state, token)
    if (used_key := caller.key_use_due(now)) is not None:
        try:
            await state.work.writes.run(caller.user.id, _record_key_use, state, used_key, now)
        except (Busy, SQLAlchemyError):
            log.warning("the use of an API key was not recorded")  # nothing hangs on it
    return caller


def _authenticate(state: AppState, token: str) -> tuple[Caller, float]:
    with state.database.reading() as session:
        now = state.clock(session)
        return credentials.authenticate(session, token, now), now


def _record_key_use(state: AppState, key: ApiKey, now: float) -> None:
    with state.database.transaction() as session:
        credentials.record_key_use(session, key, now)


AnyCaller = Annotated[Caller, Depends(_caller)]


async def _user(request: Request, caller: AnyCaller) -> User:
    looks = request.method in ("GET", "HEAD")
    caller.require("read" if looks else "generate")
    return caller.user


CurrentUser = Annotated[User, Depends(_user)]
"""The user, by a credential that allows the request."""


async def _session(caller: AnyCaller) -> SignInSession:
    return caller.require_session()


CurrentSession = Annotated[SignInSession, Depends(_session)]
"""For changes of credentials, which no API key may make: a stolen key could outlive its revocation
in another that it made."""
