"""The bases of all request and response bodies: errors, pages, times.

Requests refuse unknown fields and convert no types.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticKnownError

from serve_app.field_rules import between, length

Item = TypeVar("Item")

_LONGEST_NAME = 60

EXAMPLE_ID = "0199a3f2c1d47e5b9a0c3d8e6f214b70"
EXAMPLE_TIME = "2026-03-01T12:00:00Z"


def moment(seconds: float) -> datetime:
    """Epoch seconds as a UTC time, which JSON shows in RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def unicode_only(value: Any) -> Any:
    """The value. Raises what pydantic reports where it is a string with half of a surrogate
    pair."""
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise PydanticKnownError("string_unicode")
    return value


def for_header(names: Iterable[str]) -> list[str]:
    """Those of the names of what is ignored that a response header can hold, in order."""
    held = (name for name in names if name.isascii() and name.isidentifier())
    return sorted(name for name in held if len(name) <= _LONGEST_NAME)[:20]


class Body(BaseModel):
    """A request body. Its strings hold no half of a surrogate pair, which JSON can express but
    nothing can store."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_unicode(cls, value: Any) -> Any:
        return unicode_only(value)


class ForeignBody(Body):
    """A request body of another service's interface. Unknown fields are taken, because later
    clients have more of them, and types are converted."""

    model_config = ConfigDict(extra="allow", strict=False)

    def unknown(self) -> list[str]:
        """The names of unknown fields, as far as a response header can hold them."""
        return for_header(self.model_extra or ())


class Query(BaseModel):
    """The query parameters of a request."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(BaseModel):
    code: str = Field(description="Stable, for programs.")
    message: str = Field(description="A sentence, for people.")
    field: str | None = Field(None, description="The part of the request at fault, if it is one.")
    retry_after: int | None = Field(
        None, description="Seconds to wait before trying again, as in `Retry-After`."
    )


class ErrorBody(BaseModel):
    error: ErrorDetail


class PageOut(BaseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = Field(description="Where the next page starts; null on the last.")


class ListOut(BaseModel, Generic[Item]):
    items: list[Item]


class PageQuery(Query):
    limit: Annotated[int, between(1, 100)] = Field(20, description="Items on a page.")
    cursor: Annotated[str, length(1, 200)] | None = Field(
        None, description="`next_cursor` of the page before."
    )
