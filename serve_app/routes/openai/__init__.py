"""The speech interface of OpenAI and its batches, so that its clients work unchanged."""

from fastapi import APIRouter

from serve_app.routes.openai import batches, files, speech, voices

router = APIRouter(include_in_schema=False)
for part in (speech, voices, files, batches):
    router.include_router(part.router)
