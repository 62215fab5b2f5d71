"""What routes depend on: the services, and the user whom a bearer token stands for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serve_app import accounts
from serve_app.db.models import User
from serve_app.errors import ServiceError
from serve_app.services import Services

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="The token of a sign-in (`bs_…`) or an API key (`bk_…`).",
)


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(_services)]


async def _token(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    if credentials is None:
        message = "Sign in, or send an API key, as `Authorization: Bearer …`."
        raise ServiceError(401, "missing_credentials", message)
    return credentials.credentials


Token = Annotated[str, Depends(_token)]


def _user(services: ServicesOf, token: Token) -> User:
    with services.database.reading() as session:
        now = services.clock(session)
        user, used_key = accounts.authenticate(session, token, now)
    if used_key is not None:
        with services.database.transaction() as session:
            accounts.note_use(session, used_key, now)
    return user


CurrentUser = Annotated[User, Depends(_user)]
