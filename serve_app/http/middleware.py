"""ASGI middleware of the application: bounded bodies, unexpected errors, security headers."""

from __future__ import annotations

import logging
import re
import traceback

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.http.error_responses import error_response

logger = logging.getLogger(__name__)

_FORMS = re.compile(r"/v1/(voices/add|voices/[^/]+/edit|(voice-changer|speech-to-speech)/.+|files)")
"""Where files come within the request."""


class BodyLimit:
    """Refuses request bodies over `limit` bytes, by their declared length or while reading. Those
    under the paths of `form_limit` are forms with recordings, of up to that many bytes."""

    def __init__(self, app: ASGIApp, limit: int, form_limit: int) -> None:
        self.app = app
        self.limits = {False: limit, True: form_limit}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limits[_FORMS.fullmatch(scope["path"]) is not None]
        message_of_limit = f"The request body may have at most {limit} bytes."
        if _declared_length(Headers(scope=scope)) > limit:
            response = error_response(scope, 413, "body_too_large", message_of_limit)
            await response(scope, receive, send)
            return

        received = 0

        async def limited_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                # FastAPI passes this exception type on while it reads a body, and no other.
                raise HTTPException(413, message_of_limit)
            return message

        await self.app(scope, limited_receive, send)


class UnexpectedErrors:
    """A 500 in the common shape for unexpected exceptions.

    The text of the exception is not logged, because it may quote what was sent or stored.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched_send)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            frames = "".join(traceback.format_tb(error.__traceback__))
            logger.error("%s in %s\n%s", type(error).__name__, scope["method"], frames)  # noqa: TRY400
            response = error_response(
                scope, 500, "internal_error", "Something went wrong on our side."
            )
            await response(scope, receive, send)


class SecurityHeaders:
    """Forbids content sniffing everywhere, and caching of the API's answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                if scope["path"].startswith(("/api/", "/v1/", "/v2/")):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _declared_length(headers: Headers) -> int:
    declared = headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 20 else 0
