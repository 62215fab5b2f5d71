"""Names that clients of other services send: voices and models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines import registry
from pipelines.protocol import InvalidInput
from pipelines.voices.shipped_voices import catalogue
from serve_app import catalog
from serve_app.db.models import User, Voice
from serve_app.errors import ApiError
from serve_app.http.app_state import AppState
from serve_app.media import voice_profiles, voices
from serve_app.settings import Settings
from serve_app.voice_aliases import ALIASES

OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""The speech models of OpenAI, by which the installed one is meant, as every `eleven_…` is."""


def aliases(settings: Settings) -> Mapping[str, str]:
    """The voices that are meant by the names of other services."""
    return {**ALIASES, **settings.voice_aliases}


def voice_named(state: AppState, user: User, given: str) -> str:
    """The name of the voice that is meant: one's own by id or name, a shipped one, a blend, or an
    alias, in this order. Raises ApiError 404 `voice_not_found`. Reads the database."""
    with state.database.reading() as session:
        own = find_own(voices.list_own(session, user.id), given)
    if own is not None:
        return own.name
    shipped = catalogue(state.settings.checkpoints)
    try:
        shipped.parse(given)
    except InvalidInput:
        found = aliases(state.settings).get(given)
        if found is None:
            message = "There is no such voice. GET /v1/voices lists those there are."
            raise ApiError(404, "voice_not_found", message, "voice") from None
        return found
    return given


def kept_about(state: AppState, user: User, voice: str) -> dict[str, Any]:
    """What the user keeps about a voice of that name, a shipped one or their own. Reads the
    database."""
    with state.database.reading() as session:
        own = find_own(voices.list_own(session, user.id), voice)
        return voice_profiles.about(session, user.id, own.id if own is not None else voice)


def find_own(own: list[Voice], given: str) -> Voice | None:
    """The voice of these that has the id or the name."""
    return next((each for each in own if given in (each.id, each.name)), None)


def check_model(
    settings: Settings, service: str, given: str | None, foreign: tuple[str, ...]
) -> str:
    """The model that answers for a model's id: the installed one, for any id that begins with one
    of `foreign` and for ours of that service. Raises ApiError 400 `model_not_found`, and 503 where
    the service is not installed."""
    pipeline = catalog.require(service, settings)
    if given is None or given.startswith(foreign) or given in registry.SERVICES[service]:
        return pipeline
    message = f"There is no model {given[:80]!r} here. GET /v1/models lists those there are."
    raise ApiError(400, "model_not_found", message, "model")
