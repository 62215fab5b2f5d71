"""The speech interface of OpenAI, so that its clients work unchanged."""

from fastapi import APIRouter

from serve_app.routes.openai import speech, voices

router = APIRouter(include_in_schema=False)
for part in (speech, voices):
    router.include_router(part.router)
