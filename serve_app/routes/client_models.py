"""`/v1/models`: one address with two bodies, an array for ElevenLabs' clients and a list object for
OpenAI's. The header with the key tells which of them asks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from pipelines import registry
from serve_app.errors import ApiError
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.surface_errors import surface_of
from serve_app.http.surface_names import OPENAI_MODELS
from serve_app.settings import Settings

router = APIRouter(prefix="/v1/models", include_in_schema=False)

_FOREIGN = {
    "styletts2": ("eleven_multilingual_v2", "eleven_flash_v2_5", "eleven_turbo_v2_5"),
    "seedvc": ("eleven_english_sts_v2", "eleven_multilingual_sts_v2"),
    "make-an-audio": ("eleven_text_to_sound_v2",),
}
"""Ids of ElevenLabs that clients have by default, of each service."""


@router.get("")
async def list_models(_user: CurrentUser, state: StateDep, request: Request) -> Any:
    """The installed models, and the ids of the other services by which they are meant."""
    if surface_of(request.scope) == "elevenlabs":
        return _for_elevenlabs(state.settings)
    return {"object": "list", "data": _for_openai(state.settings)}


@router.get("/{model_id}")
async def get_model(model_id: str, _user: CurrentUser, state: StateDep) -> dict[str, Any]:
    """One model, for OpenAI's clients."""
    for model in _for_openai(state.settings):
        if model["id"] == model_id:
            return model
    raise ApiError(404, "model_not_found", "There is no such model.", "model")


def _for_openai(settings: Settings) -> list[dict[str, Any]]:
    speech = settings.pipelines().get("styletts2")
    names = [*settings.pipelines().values(), *(OPENAI_MODELS if speech else ())]
    return [{"id": name, "object": "model", "created": 0, "owned_by": "bernie"} for name in names]


def _for_elevenlabs(settings: Settings) -> list[dict[str, Any]]:
    return [
        _described(model_id, service, pipeline, settings)
        for service, pipeline in settings.pipelines().items()
        for model_id in (pipeline, *_FOREIGN[service])
    ]


def _described(model_id: str, service: str, pipeline: str, settings: Settings) -> dict[str, Any]:
    speaks, converts = service == "styletts2", service == "seedvc"
    longest = settings.max_prompt_characters
    if speaks:
        longest = settings.max_text_characters
    return {
        "model_id": model_id,
        "name": model_id,
        "description": registry.NOTES.get(pipeline, f"Served by {pipeline}."),
        "can_do_text_to_speech": speaks,
        "can_do_voice_conversion": converts,
        "can_be_finetuned": False,
        "can_use_style": False,
        "can_use_speaker_boost": False,
        "serves_pro_voices": False,
        "token_cost_factor": 1.0,
        "requires_alpha_access": False,
        "max_characters_request_free_user": longest,
        "max_characters_request_subscribed_user": longest,
        "maximum_text_length_per_request": longest,
        "languages": [{"language_id": "en", "name": "English"}] if speaks else [],
        "model_rates": {"character_cost_multiplier": 1.0},
        "concurrency_group": "standard",
    }
