"""The list of services."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter

from pipelines import registry
from serve_app import catalog
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.openapi import errors
from serve_app.http.schemas.clips import ServiceOut
from serve_app.http.schemas.common import ListOut
from serve_app.http.schemas.submissions import ClipOptions, Conversion, SoundEffect, Speech
from serve_app.settings import SERVICES, Settings

router = APIRouter(prefix="/api", tags=["services"])

_SUBMIT: dict[str, tuple[str, type[ClipOptions]]] = {
    "styletts2": ("/api/speech", Speech),
    "seedvc": ("/api/conversions", Conversion),
    "make-an-audio": ("/api/sound-effects", SoundEffect),
}


@router.get("/services", summary="What is installed", responses=errors(401, 403))
async def list_services(_user: CurrentUser, state: StateDep) -> ListOut[ServiceOut]:
    """Each service with the model that runs it, its limits and its defaults."""
    return ListOut(items=[_describe(name, state.settings) for name in SERVICES])


def _options(job: type[ClipOptions], settings: Settings) -> dict[str, Any]:
    """The JSON schema of the options, with the limits that are settings."""
    longest = {"text": settings.max_text_characters, "prompt": settings.max_prompt_characters}
    return {
        field: {**schema, "maxLength": longest[field]} if field in longest else schema
        for field, schema in _properties(job).items()
    }


@cache
def _properties(job: type[ClipOptions]) -> dict[str, dict[str, Any]]:
    """Made once: pydantic takes 2 ms for each."""
    properties: dict[str, dict[str, Any]] = job.model_json_schema()["properties"]
    return properties


def _describe(name: str, settings: Settings) -> ServiceOut:
    path, job = _SUBMIT[name]
    pipeline = settings.pipelines().get(name)
    return ServiceOut.model_validate(
        {
            "name": name,
            "title": catalog.TITLES[name],
            "submit": path,
            "installed": pipeline is not None,
            "install": None if pipeline else catalog.install_command(name, settings),
            "pipeline": pipeline,
            "note": registry.NOTES.get(pipeline or ""),
            "sample_rate": registry.sample_rate(name, pipeline) if pipeline else None,
            "device": settings.device,
            "dtype": settings.dtype,
            "credits": settings.clip_credits,
            "options": _options(job, settings),
            "own_voices": pipeline is not None and registry.takes_reference(name, pipeline),
            "ignored": list(registry.IGNORED.get(pipeline or "", ())),
        }
    )
