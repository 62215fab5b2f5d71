"""Errors in the shapes that the clients of other services read.

`/v1` and `/v2` speak the interfaces of ElevenLabs and OpenAI. One body serves both of their SDKs:
`detail` is what the first reads, `error` what the second does.
"""

from __future__ import annotations

from typing import Any, Literal

from starlette.datastructures import Headers
from starlette.types import Scope

from serve_app.errors import ApiError

Surface = Literal["elevenlabs", "openai"]

_CODES: dict[str, tuple[str, str]] = {
    "missing_credentials": ("invalid_api_key", "invalid_api_key"),
    "invalid_credentials": ("invalid_api_key", "invalid_api_key"),
    "not_enough_credits": ("quota_exceeded", "insufficient_quota"),
    "unknown_voice": ("voice_not_found", "voice_not_found"),
    "too_many_clips": ("too_many_concurrent_requests", "rate_limit_exceeded"),
    "too_many_streams": ("too_many_concurrent_requests", "rate_limit_exceeded"),
    "queue_full": ("system_busy", "rate_limit_exceeded"),
    "clip_failed": ("generation_failed", "generation_failed"),
}
"""What each of them calls an error of ours, where that is another word."""
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}


def surface_of(scope: Scope) -> Surface | None:
    """Whose shape a request gets. Both have `/v1/models`: the header with the key tells them
    apart."""
    path = scope.get("path", "")
    if path.startswith(("/v1/audio/", "/v1/files", "/v1/batches")):
        return "openai"
    if path == "/v1/models" or path.startswith("/v1/models/"):
        return "elevenlabs" if "xi-api-key" in Headers(scope=scope) else "openai"
    return "elevenlabs" if path.startswith(("/v1/", "/v2/")) else None


def slug_of(error: ApiError) -> str:
    """What ElevenLabs calls an error."""
    return _CODES.get(error.code, (error.code, ""))[0]


def in_shape_of(surface: Surface, error: ApiError) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and further headers of an error.

    409 becomes 400 and a failed clip 500 without a retry, because the SDKs repeat a request that
    is answered 409. A lack of credits is what it is at each of the services: 401, or 429 with
    `x-should-retry: false`.
    """
    to_elevenlabs, to_openai = _CODES.get(error.code, (error.code, error.code))
    slug = to_elevenlabs if surface == "elevenlabs" else to_openai
    status = _status(surface, error)
    headers = {"x-should-retry": "false"} if slug in _FINAL else {}
    kind = "server_error" if status >= 500 else _TYPES.get(status, "invalid_request_error")
    if status == 429:
        kind = slug
    body = {
        "detail": _detail(status, slug, error),
        "error": {"message": error.message, "type": kind, "param": error.field, "code": slug},
    }
    return status, body, headers


_FINAL = {"insufficient_quota", "generation_failed"}


def _status(surface: Surface, error: ApiError) -> int:
    if error.code == "clip_failed":
        return 500
    if error.code == "unknown_voice":
        return 404
    if error.status == 402:
        return 401 if surface == "elevenlabs" else 429
    if error.status == 409 or (surface == "openai" and error.status == 422):
        return 400
    return error.status


def _detail(status: int, slug: str, error: ApiError) -> Any:
    if status == 422:
        place = ["body", *(error.field or "").split(".")] if error.field else ["body"]
        return [{"loc": place, "msg": error.message, "type": slug}]
    return {"status": slug, "message": error.message}
