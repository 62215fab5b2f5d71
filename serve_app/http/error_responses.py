"""Every error is answered as `{"error": {"code", "message", "field"?}}`, without secrets; on the
surfaces of other services in their shape (`surface_errors`).

Errors of the client are 4xx with a sentence to act on. A database or store that cannot be reached
is 503. Anything else is a bare 500; the log has the stack of it but no values.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from pipelines.protocol import InvalidInput
from serve_app.db.availability import UNAVAILABLE, is_locked
from serve_app.errors import ApiError, invalid
from serve_app.http.surface_errors import in_shape_of, surface_of
from serve_app.storage.store_errors import StoreError

log = logging.getLogger(__name__)

RETRY_SECONDS = 2
MAX_FIELD_LENGTH = 100

_FRAMEWORK_ERRORS = {
    400: ("malformed_json", "The request body is not well-formed JSON."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer this method."),
    413: ("body_too_large", ""),
}


def error_response(
    scope: Scope,
    status: int,
    code: str,
    message: str,
    field: str | None = None,
    retry_after: int | None = None,
) -> JSONResponse:
    """The response to an error found outside the routes."""
    return _respond(scope, ApiError(status, code, message, field, retry_after))


def _respond(scope: Scope, error: ApiError) -> JSONResponse:
    headers: dict[str, str] = {}
    status, body = error.status, error.body()
    if (surface := surface_of(scope)) is not None:
        status, body, headers = in_shape_of(surface, error)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return JSONResponse(body, status, headers)


async def _api_error(request: Request, error: ApiError) -> JSONResponse:
    return _respond(request.scope, error)


async def _invalid_input(request: Request, error: InvalidInput) -> JSONResponse:
    return _respond(request.scope, invalid(error.field, error.message, error.code))


def _unavailable(request: Request, code: str, message: str) -> JSONResponse:
    return error_response(request.scope, 503, code, message, retry_after=RETRY_SECONDS)


async def _framework_error(request: Request, error: HTTPException) -> JSONResponse:
    code, message = _FRAMEWORK_ERRORS.get(error.status_code, ("refused", "This was refused."))
    response = error_response(request.scope, error.status_code, code, message or error.detail)
    response.headers.update(error.headers or {})
    return response


async def _store_unavailable(request: Request, error: StoreError) -> JSONResponse:
    log.warning("object store unavailable: %s", type(error.__cause__ or error).__name__)
    message = "The object store cannot be reached. Try again in a moment."
    return error_response(
        request.scope, 503, "store_unavailable", message, retry_after=RETRY_SECONDS
    )


async def _database_unavailable(request: Request, error: SQLAlchemyError) -> JSONResponse:
    if is_locked(error):
        message = "What this changes is being changed at the moment. Try again."
        return _unavailable(request, "busy", message)
    cause = error.orig if isinstance(error, DBAPIError) else error
    log.warning("database unavailable: %s", type(cause).__name__)
    message = "The database cannot be reached. Try again in a moment."
    return error_response(
        request.scope, 503, "database_unavailable", message, retry_after=RETRY_SECONDS
    )


async def _validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return error_response(request.scope, 400, *_FRAMEWORK_ERRORS[400])
    place, *path = first["loc"]
    if place == "body" and not path and _has_body_of_another_type(request):
        message = "Send the request body as application/json."
        return error_response(request.scope, 415, "unsupported_media_type", message)
    if place == "query":
        path = path[:1]  # a parameter that is repeated has one name
    field = _printable(path or [place])
    return error_response(
        request.scope, 422, "invalid_input", f"{field} {_complaint(first)}.", field
    )


def _has_body_of_another_type(request: Request) -> bool:
    essence = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    kind, _, subtype = essence.partition("/")
    return kind != "application" or not (subtype == "json" or subtype.endswith("+json"))


def _printable(path: Sequence[Any]) -> str:
    """A field's name. Unknown names come from the client and may hold anything."""
    name = ".".join(str(part) for part in path)[:MAX_FIELD_LENGTH]
    return "".join(letter if letter.isprintable() else "?" for letter in name)


_COMPLAINTS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "string_type": "must be a string",
    "string_unicode": "must be valid Unicode",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is out of range",
    "list_type": "must be a list",
    "model_attributes_type": "must be a JSON object",
}


def _complaint(error: dict[str, Any]) -> str:
    """What is wrong with a field; follows its name."""
    kind = error["type"]
    if kind in ("literal_error", "enum"):
        return f"must be one of {error['ctx']['expected']}"
    if kind == "out_of_range":
        return str(error["msg"])
    return _COMPLAINTS.get(kind, "is not valid")


ERROR_HANDLERS: dict[Any, Any] = {
    ApiError: _api_error,
    InvalidInput: _invalid_input,
    RequestValidationError: _validation_error,
    HTTPException: _framework_error,
    StoreError: _store_unavailable,
    **dict.fromkeys(UNAVAILABLE, _database_unavailable),
}
"""The response to every exception that routes are known to raise."""
