"""The HTTP application. Its routes parse, authorise, call the service logic and format the
answer."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app import __version__
from serve_app.http.app_state import AppState, GraphStatus
from serve_app.http.body_limit import BodyLimit
from serve_app.http.error_responses import ERROR_HANDLERS, UnexpectedErrors
from serve_app.routes import (
    accounts,
    clip_audio,
    clip_events,
    clips,
    conversions,
    health,
    keys,
    services,
    sessions,
    sound_effects,
    speech,
    uploads,
    voices,
)

__all__ = ["AppState", "GraphStatus", "create_app"]

DESCRIPTION = """\
Ask for speech, a converted voice or a sound, and a clip comes back: wait for it, then fetch its
audio from the link it has.

Every error has the shape `{"error": {"code", "message", "field"}}`: `code` is stable, `message`
says what to do, and `field` is there when one part of the request is at fault.
"""


def create_app(state: AppState) -> FastAPI:
    """The ASGI application over `state`, which holds all that it knows."""
    app = FastAPI(
        title="Bernie",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=ERROR_HANDLERS,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.bernie = state
    for surface in (
        accounts,
        sessions,
        keys,
        services,
        uploads,
        voices,
        speech,
        conversions,
        sound_effects,
        clips,
        clip_events,
        clip_audio,
        health,
    ):
        app.include_router(surface.router)
    # The last added is the outermost.
    app.add_middleware(BodyLimit, limit=state.settings.max_body_bytes)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(SecurityHeaders)
    return app


class SecurityHeaders:
    """ASGI middleware: forbids content sniffing everywhere, and caching of the API's answers."""

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
                if scope["path"].startswith("/api/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, send_with_headers)
