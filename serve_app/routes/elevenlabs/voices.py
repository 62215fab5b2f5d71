"""Voices: the shipped ones (premade) and one's own (cloned)."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Query as FromQuery
from starlette.datastructures import FormData, UploadFile

from pipelines.voices.shipped_voices import Voice as ShippedVoice
from pipelines.voices.shipped_voices import catalogue
from serve_app.db.models import User, Voice
from serve_app.errors import ApiError, invalid, not_found
from serve_app.field_rules import between, storable
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.forms import files_of, form_of, text_of
from serve_app.http.schemas.common import ForeignBody
from serve_app.http.surface_names import find_own, voice_named
from serve_app.http.work import reads, writes
from serve_app.media import voice_profiles, voices
from serve_app.routes.elevenlabs.formats import unknown_parameters

router = APIRouter()

SETTINGS = {
    "stability": 0.5,
    "similarity_boost": 0.75,
    "style": 0.0,
    "use_speaker_boost": True,
    "speed": 1.0,
}
"""What the clients take for the default. Only `speed` has an effect here."""
_WITHOUT_EFFECT = ("remove_background_noise",)
_MAX_DESCRIPTION, _MAX_LABELS = 500, 20
_MODELS = ["eleven_multilingual_v2"]
_SEARCHED = (
    *("page_size", "next_page_token", "search", "category", "voice_type", "voice_ids", "gender"),
    *("accent", "language", "sort", "sort_direction", "include_total_count"),
)
Json = dict[str, Any]


@router.get("/v1/voices")
@reads
def list_voices(user: CurrentUser, state: StateDep) -> Json:
    return {"voices": _all(state, user)}


@router.get("/v2/voices")
@reads
def search_voices(
    user: CurrentUser,
    state: StateDep,
    request: Request,
    response: Response,
    page_size: Annotated[int, between(1, 100), FromQuery()] = 10,
    next_page_token: Annotated[str, FromQuery(max_length=20)] = "",
    search: Annotated[str, FromQuery(max_length=200)] = "",
    category: Annotated[str, FromQuery(max_length=40)] = "",
    voice_type: Annotated[str, FromQuery(max_length=40)] = "",
    voice_ids: Annotated[list[str] | None, FromQuery(max_length=100)] = None,
    gender: Annotated[str, FromQuery(max_length=40)] = "",
    accent: Annotated[str, FromQuery(max_length=40)] = "",
    language: Annotated[str, FromQuery(max_length=40)] = "",
    sort: Annotated[Literal["name", "created_at_unix"] | None, FromQuery()] = None,
    sort_direction: Annotated[Literal["asc", "desc"], FromQuery()] = "asc",
) -> Json:
    _name_ignored(response, unknown_parameters(request, _SEARCHED))
    found = _all(state, user)
    for label, wanted in (("gender", gender), ("accent", accent), ("language", language)):
        if wanted:
            found = [each for each in found if each["labels"].get(label) == wanted]
    if sort is not None:
        found.sort(key=lambda each: each[sort] or 0, reverse=sort_direction == "desc")
    if search:
        found = [each for each in found if search.casefold() in each["name"].casefold()]
    if category:
        found = [each for each in found if each["category"] == category]
    if voice_type in ("personal", "default"):
        wanted = "cloned" if voice_type == "personal" else "premade"
        found = [each for each in found if each["category"] == wanted]
    if voice_ids:
        found = [each for each in found if each["voice_id"] in voice_ids]
    start = int(next_page_token) if next_page_token.isdecimal() else 0
    end = start + page_size
    more = end < len(found)
    return {
        "voices": found[start:end],
        "has_more": more,
        "total_count": len(found),
        "next_page_token": str(end) if more else None,
    }


# Before the addresses with an id, which would match.
@router.get("/v1/voices/settings/default")
async def default_settings(_user: CurrentUser) -> Json:
    return SETTINGS


@router.post("/v1/voices/add")
async def add_voice(
    user: CurrentUser, state: StateDep, request: Request, response: Response
) -> Json:
    """Makes a voice of the recordings: of all of them together the first 30 seconds."""
    async with form_of(request) as form:
        name, about = text_of(form, "name"), _about(form)
        ignored = _ignored(form)
        files = files_of(form, "files")
        work = state.work.recordings
        made = await work.run(user.id, _create, state, user, name, about, files)
    _name_ignored(response, ignored)
    return {"voice_id": made.id, "requires_verification": False}


@router.get("/v1/voices/{voice_id}")
@reads
def get_voice(voice_id: str, user: CurrentUser, state: StateDep) -> Json:
    return _one(state, user, voice_id)


@router.delete("/v1/voices/{voice_id}")
@writes
def delete_voice(voice_id: str, user: CurrentUser, state: StateDep) -> Json:
    with state.database.transaction() as session:
        voices.delete(session, user.id, voice_id, state.clock(session))
    return {"status": "ok"}


@router.get("/v1/voices/{voice_id}/settings")
@reads
def get_settings(voice_id: str, user: CurrentUser, state: StateDep) -> Json:
    return {**SETTINGS, **_about_of(state, user, voice_id).get("settings", {})}


class SettingsBody(ForeignBody):
    stability: Annotated[float, between(0, 1)] | None = None
    similarity_boost: Annotated[float, between(0, 1)] | None = None
    style: Annotated[float, between(0, 1)] | None = None
    use_speaker_boost: bool | None = None
    speed: Annotated[float, between(0.25, 4)] | None = None


@router.post("/v1/voices/{voice_id}/settings/edit")
@writes
def edit_settings(
    voice_id: str, body: SettingsBody, user: CurrentUser, state: StateDep, response: Response
) -> Json:
    """Keeps the settings of a voice for calls that have none. Of them `speed` has an effect."""
    known = body.model_dump(exclude_none=True, include=set(SETTINGS))
    _name_ignored(response, [*body.unknown(), *sorted(set(known) - {"speed"})])
    key = _one(state, user, voice_id)["voice_id"]
    with state.database.transaction() as session:
        kept = voice_profiles.about(session, user.id, key).get("settings", {})
        voice_profiles.keep(session, user.id, key, {"settings": {**kept, **known}})
    return {"status": "ok"}


@router.post("/v1/voices/{voice_id}/edit")
async def edit_voice(
    voice_id: str, user: CurrentUser, state: StateDep, request: Request, response: Response
) -> Json:
    """Gives a voice of one's own another name, description and labels. Its recording stays: other
    files make another voice."""
    async with form_of(request) as form:
        name, about = text_of(form, "name"), _about(form)
        if files_of(form, "files"):
            message = "The recording of a voice cannot be changed. Add another voice."
            raise ApiError(400, "not_supported", message, "files")
        ignored = _ignored(form)
    await state.work.writes.run(user.id, _rename, state, user, voice_id, name, about)
    _name_ignored(response, ignored)
    return {"status": "ok"}


@router.get("/v1/voices/{voice_id}/samples/{sample_id}/audio")
async def get_sample(voice_id: str, sample_id: str, user: CurrentUser, state: StateDep) -> Response:
    """The recording of a voice, which has one sample under its own id."""
    own = await state.work.reads.run(user.id, _own, state, user, voice_id)
    if sample_id != own.id:
        raise not_found("sample")
    data = await state.work.store.run(user.id, state.store.get, own.s3_key)
    return Response(data, media_type="audio/flac")


@router.delete("/v1/voices/{voice_id}/samples/{sample_id}")
@reads
def delete_sample(voice_id: str, sample_id: str, user: CurrentUser, state: StateDep) -> Json:
    if sample_id != _own(state, user, voice_id).id:
        raise not_found("sample")
    raise ApiError(400, "not_supported", "A voice has one sample. Delete the voice instead.")


def _ignored(form: FormData) -> list[str]:
    """What a voice is sent along with and does not keep."""
    return [key for key in _WITHOUT_EFFECT if text_of(form, key) not in ("", "null", "false")]


def _name_ignored(response: Response, ignored: list[str]) -> None:
    if ignored:
        response.headers["x-bernie-ignored"] = ", ".join(ignored)


def _about(form: FormData) -> Json:
    """Description and labels, as far as they are sent. Raises ApiError 422."""
    found: Json = {}
    if (description := text_of(form, "description")) not in ("", "null"):
        if len(description) > _MAX_DESCRIPTION:
            message = f"description may have {_MAX_DESCRIPTION} characters."
            raise invalid("description", message)
        found["description"] = description
    if (sent := text_of(form, "labels")) not in ("", "null"):
        try:
            labels = json.loads(sent)
        except (ValueError, RecursionError):
            labels = None
        if not isinstance(labels, dict) or not all(
            isinstance(value, str) and len(name) + len(value) <= _MAX_DESCRIPTION
            for name, value in labels.items()
        ):
            raise invalid("labels", "labels must be a JSON object of strings.")
        if len(labels) > _MAX_LABELS:
            raise invalid("labels", f"labels may have {_MAX_LABELS} entries.")
        found["labels"] = labels
    for field, value in found.items():
        if not storable(value):
            raise invalid(field, f"{field} must have no NUL and no half of a surrogate pair.")
    return found


def _create(state: AppState, user: User, name: str, about: Json, files: list[UploadFile]) -> Voice:
    max_voices = state.settings.max_voices
    cleaned = voices.clean_name(name, catalogue(state.settings.checkpoints))
    if not files:
        raise invalid("files", "files is missing: send at least one recording.")
    with state.database.reading() as session:
        voices.require_room(session, user.id, cleaned, max_voices)
        now = state.clock(session)
    contents = (each.file.read() for each in files)
    recording = voices.from_files(contents, "files", state.settings.max_source_seconds)
    made = voices.create(state.database, state.store, user.id, cleaned, recording, max_voices, now)
    if about:
        with state.database.transaction() as session:
            voice_profiles.keep(session, user.id, made.id, about)
    return made


def _rename(state: AppState, user: User, voice_id: str, name: str, about: Json) -> None:
    cleaned = voices.clean_name(name, catalogue(state.settings.checkpoints))
    with state.database.transaction() as session:
        voices.rename(session, user.id, voice_id, cleaned)
        if about:
            voice_profiles.keep(session, user.id, voice_id, about)


def _own(state: AppState, user: User, voice_id: str) -> Voice:
    with state.database.reading() as session:
        own = find_own(voices.list_own(session, user.id), voice_id)
    if own is None:
        raise not_found("voice")
    return own


def _all(state: AppState, user: User) -> list[Json]:
    with state.database.reading() as session:
        own = voices.list_own(session, user.id)
        kept = voice_profiles.about_all(session, user.id)
    shipped = catalogue(state.settings.checkpoints).voices
    found = [*map(_of_shipped, shipped), *map(_of_own, own)]
    return [_with(each, kept.get(each["voice_id"], {})) for each in found]


def _with(voice: Json, about: Json) -> Json:
    """The voice as it is shown, with what the user keeps about it."""
    return {
        **voice,
        "settings": {**SETTINGS, **about.get("settings", {})},
        "description": about.get("description"),
        "labels": {**voice["labels"], **about.get("labels", {})},
    }


def _about_of(state: AppState, user: User, voice_id: str) -> Json:
    """What is kept about a voice that there is. Raises ApiError 404."""
    key = _one(state, user, voice_id)["voice_id"]
    with state.database.reading() as session:
        return voice_profiles.about(session, user.id, key)


def _one(state: AppState, user: User, voice_id: str) -> Json:
    """A voice by its id, or by an alias of it."""
    found = {each["voice_id"]: each for each in _all(state, user)}
    if voice_id in found:
        return found[voice_id]
    meant = voice_named(state, user, voice_id)
    by_name = {each["name"]: each for each in found.values()}
    if meant not in by_name:
        raise not_found("voice")
    return by_name[meant]


def _of_shipped(voice: ShippedVoice) -> Json:
    labels = {"gender": voice.gender, "accent": voice.language, "language": "en"}
    return _described(voice.name, voice.name, "premade", labels) | {
        "verified_languages": [
            {
                "language": "en",
                "model_id": _MODELS[0],
                "accent": voice.language,
                "locale": voice.language,
                "preview_url": None,
            }
        ]
    }


def _of_own(voice: Voice) -> Json:
    sample = {
        "sample_id": voice.id,
        "file_name": f"{voice.name}.flac",
        "mime_type": "audio/flac",
        "size_bytes": None,
        "hash": None,
        "duration_secs": voice.seconds,
    }
    return _described(voice.id, voice.name, "cloned", {}) | {
        "samples": [sample],
        "is_owner": True,
        "created_at_unix": int(voice.created_at),
    }


def _described(voice_id: str, name: str, category: str, labels: dict[str, str]) -> Json:
    return {
        "voice_id": voice_id,
        "name": name,
        "samples": [],
        "category": category,
        "labels": labels,
        "description": None,
        "preview_url": None,
        "available_for_tiers": [],
        "settings": SETTINGS,
        "high_quality_base_model_ids": _MODELS,
        "verified_languages": [],
        "is_owner": False,
        "is_legacy": False,
        "is_mixed": False,
        "created_at_unix": None,
    }
