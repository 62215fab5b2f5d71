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
from serve_app.db.models import SignInSession, User
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
    return await authenticated(state, token)


def bearer_of(header: str) -> str:
    """The token of an `Authorization` header, empty where it has none."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def authenticated(state: AppState, token: str) -> Caller:
    """Whose token it is. Raises ApiError 401."""
    if not token:
        message = "Sign in, or send an API key, as `Authorization: Bearer …`."
        raise ApiError(401, "missing_credentials", message)
    credential = hash_token(token)
    share = state.pace.user_of(credential)
    await state.pace.wait(share)
    caller, now = await state.work.reads.run(share, _authenticate, state, token)
    state.pace.saw(credential, caller.user.id)
    if caller.use_due(now):
        try:
            await state.work.writes.run(caller.user.id, _record_use, state, caller, now)
        except (Busy, SQLAlchemyError):
            log.warning("the use of a credential was not recorded")  # nothing hangs on it
    return caller


def _authenticate(state: AppState, token: str) -> tuple[Caller, float]:
    with state.database.reading() as session:
        now = state.clock(session)
        return credentials.authenticate(session, token, now), now


def _record_use(state: AppState, caller: Caller, now: float) -> None:
    with state.database.transaction() as session:
        credentials.record_use(session, caller.credential, now)


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
