"""The error responses of an operation, for its OpenAPI entry."""

from __future__ import annotations

from typing import Any

from serve_app.http.schemas.common import ErrorBody

_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "schema": {"type": "integer", "minimum": 0},
    }
}
_AUTHENTICATE = {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}}}

_ERRORS: dict[int, tuple[str, str, str, dict[str, Any]]] = {
    400: (
        "The body is not JSON",
        "malformed_json",
        "The request body is not well-formed JSON.",
        {},
    ),
    401: (
        "The credentials are missing, wrong, revoked or expired",
        "invalid_credentials",
        "These credentials are not valid.",
        _AUTHENTICATE,
    ),
    402: (
        "The balance less what pending clips hold does not cover the clip",
        "not_enough_credits",
        "Not enough credits.",
        {},
    ),
    403: (
        "The API key has not the scope that this takes, or this takes a session",
        "scope_missing",
        "This API key has not the scope `generate` that this takes.",
        {},
    ),
    404: (
        "It does not exist, or belongs to someone else",
        "clip_not_found",
        "There is no such clip.",
        {},
    ),
    409: (
        "It conflicts with what was sent before",
        "email_taken",
        "This e-mail address has an account already.",
        {},
    ),
    413: (
        "The body is over the limit",
        "body_too_large",
        "The request body may have at most 262144 bytes.",
        {},
    ),
    415: (
        "The body is of another type than JSON",
        "unsupported_media_type",
        "Send the request body as application/json.",
        {},
    ),
    422: (
        "A field is missing, unknown or out of range",
        "invalid_input",
        "speed must be between 0.25 and 4.0.",
        {},
    ),
    429: (
        "Too many attempts, too many requests that wait, or too many pending clips",
        "too_many_attempts",
        "Too many failed sign-ins. Try again later.",
        _RETRY_AFTER,
    ),
    500: (
        "A fault of the server",
        "internal_error",
        "Something went wrong on our side.",
        {},
    ),
    503: (
        "The database or the object store cannot be reached, or too much is under way",
        "database_unavailable",
        "The database cannot be reached. Try again in a moment.",
        _RETRY_AFTER,
    ),
}

WITH_BODY = (400, 413, 415, 422)
"""Statuses of every operation with a JSON body."""


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that may answer with `statuses`, 413, 500 and 503."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*statuses, 413, 500, 503}):
        description, code, message, headers = _ERRORS[status]
        example = {"error": {"code": code, "message": message}}
        documented[status] = {
            "model": ErrorBody,
            "description": description,
            "headers": headers,
            "content": {"application/json": {"example": example}},
        }
    return documented
