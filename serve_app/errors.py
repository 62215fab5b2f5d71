"""The one error type of the service logic, and its JSON shape."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An error that the client can act on: a stable code, a sentence, and the field at fault, if
    any."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field is not None:
            error["field"] = self.field
        if self.retry_after is not None:
            error["retry_after"] = self.retry_after
        return {"error": error}


def invalid(field: str, message: str, code: str = "invalid_input") -> ApiError:
    """422: the request is well-formed, and one field of it cannot be used."""
    return ApiError(422, code, message, field)


def not_found(kind: str) -> ApiError:
    """404, alike for an unknown id and for another user's."""
    return ApiError(404, f"{kind}_not_found", f"There is no such {kind.replace('_', ' ')}.")
