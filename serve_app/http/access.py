"""What routes depend on: the services, and the user whom a bearer token stands for.

What a credential must allow follows from the request's method, here, so that no route can forget to
ask: to look takes the scope `read`, everything else `generate`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serve_app.accounts import credentials
from serve_app.accounts.credentials import Caller
from serve_app.db.models import SignInSession, User
from serve_app.errors import ApiError
from serve_app.http.app_state import AppState

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="The token of a sign-in (`bs_…`) or an API key (`bk_…`).",
)


async def _app_state(request: Request) -> AppState:
    state: AppState = request.app.state.bernie
    return state


StateDep = Annotated[AppState, Depends(_app_state)]


def _caller(
    state: StateDep,
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    if sent is None:
        message = "Sign in, or send an API key, as `Authorization: Bearer …`."
        raise ApiError(401, "missing_credentials", message)
    with state.database.reading() as session:
        now = state.clock(session)
        caller = credentials.authenticate(session, sent.credentials, now)
    used_key = caller.key_use_due(now)
    if used_key is not None:
        with state.database.transaction() as session:
            credentials.record_key_use(session, used_key, now)
    return caller


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
"""For what changes credentials, which no API key may: one that is stolen could live on in another
that it made."""
