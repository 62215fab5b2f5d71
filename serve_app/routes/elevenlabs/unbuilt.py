"""Calls of the interface that this server has not: 501, so that nobody takes a wrong address for
the reason."""

from __future__ import annotations

from fastapi import APIRouter

from serve_app.errors import ApiError
from serve_app.http.access import CurrentUser

router = APIRouter(prefix="/v1")

UNBUILT = (
    "/speech-to-text",
    "/audio-isolation",
)


async def unbuilt(_user: CurrentUser) -> None:
    raise ApiError(501, "not_implemented", "This server has no such call.")


for path in UNBUILT:
    router.post(path)(unbuilt)
