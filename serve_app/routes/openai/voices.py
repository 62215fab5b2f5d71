"""The voices and speech models as other servers with OpenAI's interface list them: OpenAI itself
has no such calls, but its clients' front ends ask for them."""

from __future__ import annotations

from fastapi import APIRouter

from pipelines.voices.shipped_voices import catalogue
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.surface_names import OPENAI_MODELS, aliases
from serve_app.http.work import reads
from serve_app.media import voices
from serve_app.voice_aliases import OPENAI

router = APIRouter(prefix="/v1/audio")


@router.get("/voices")
@reads
def list_voices(user: CurrentUser, state: StateDep) -> dict[str, list[dict[str, str]]]:
    """The shipped ones, one's own, and the names of OpenAI's that mean one of them."""
    with state.database.reading() as session:
        own = voices.list_own(session, user.id)
    shipped = [voice.name for voice in catalogue(state.settings.checkpoints).voices]
    known = aliases(state.settings)
    found = [*((name, name) for name in shipped), *((voice.id, voice.name) for voice in own)]
    found += [(name, name) for name in known if name in OPENAI]
    return {"voices": [{"id": voice_id, "name": name} for voice_id, name in found]}


@router.get("/models")
async def list_models(_user: CurrentUser, state: StateDep) -> dict[str, list[dict[str, str]]]:
    """What `model` may be."""
    pipeline = state.settings.pipelines().get("styletts2")
    names = [*([pipeline] if pipeline else []), *OPENAI_MODELS]
    return {"models": [{"id": name, "name": name} for name in names]}
