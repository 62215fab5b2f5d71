"""The interface of ElevenLabs, so that its clients work unchanged: speech, conversion, sound
effects, voices, history and the account. What is not built is answered 404 or 501 in its shape."""

from fastapi import APIRouter

from serve_app.routes.elevenlabs import (
    account,
    conversion,
    dialogue,
    dictionaries,
    history,
    sound,
    speech,
    stream_input,
    timestamps,
    unbuilt,
    voices,
)

router = APIRouter(include_in_schema=False)
for part in (
    speech,
    timestamps,
    stream_input,
    dialogue,
    dictionaries,
    conversion,
    sound,
    voices,
    history,
    account,
    unbuilt,
):
    router.include_router(part.router)
