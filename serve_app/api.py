"""The HTTP application. Its routes parse, authorise, call the service logic and format the
answer."""

from __future__ import annotations

from dataclasses import replace

from fastapi import FastAPI

from serve_app import __version__
from serve_app.http.app_state import AppState, GraphStatus
from serve_app.http.error_responses import ERROR_HANDLERS
from serve_app.http.middleware import BodyLimit, SecurityHeaders, UnexpectedErrors
from serve_app.routes import (
    accounts,
    batches,
    client_models,
    clip_audio,
    clip_events,
    clip_words,
    clips,
    conversions,
    elevenlabs,
    health,
    keys,
    openai,
    services,
    sessions,
    sound_effects,
    speech,
    status,
    studio,
    uploads,
    voices,
)
from serve_app.settings import Settings

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
        batches,
        clip_words,
        client_models,
        openai,
        elevenlabs,
        status,
        health,
        studio,
    ):
        app.include_router(surface.router)
    # The last added is the outermost.
    forms = state.settings.max_upload_bytes + state.settings.max_body_bytes
    app.add_middleware(BodyLimit, limit=state.settings.max_body_bytes, form_limit=forms)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(SecurityHeaders)
    return app


def set_settings(app: FastAPI, settings: Settings) -> None:
    """Other settings for requests that come from now on."""
    app.state.bernie = replace(app.state.bernie, settings=settings)
