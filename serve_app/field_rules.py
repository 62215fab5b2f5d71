"""Constraints of request fields whose messages state the whole allowed range, not one bound."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from serve_app.errors import invalid

OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """A constraint, used as `Annotated[type, rule]`. `message` follows the field's name."""

    allows: Callable[[Any], bool]
    message: str
    json_schema: dict[str, Any]

    def check(self, value: Any) -> Any:
        if not self.allows(value):
            raise PydanticCustomError(OUT_OF_RANGE, "{message}", {"message": self.message})
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), **self.json_schema}


def between(low: float, high: float) -> Rule:
    """A number from `low` to `high`, both included; NaN is in no range."""
    return Rule(
        lambda value: low <= value <= high,
        f"must be between {low} and {high}",
        {"minimum": low, "maximum": high},
    )


def length(low: int, high: int) -> Rule:
    """A string of `low` to `high` characters."""
    return Rule(
        lambda value: low <= len(value) <= high,
        f"must have {low} to {high} characters",
        {"minLength": low, "maxLength": high},
    )


def matching(pattern: str, message: str) -> Rule:
    """A string that `pattern` matches as a whole."""
    whole = re.compile(pattern)
    return Rule(
        lambda value: whole.fullmatch(value) is not None,
        message,
        {"pattern": f"^{pattern}$"},
    )


ONE_OR_MORE = Rule(lambda value: len(value) > 0, "must not be empty", {"minItems": 1})
EACH_ONCE = Rule(
    lambda value: len(value) == len(set(value)),
    "must name nothing twice",
    {"uniqueItems": True},
)


def _is_moment(value: str) -> bool:
    try:
        return "T" in value and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


MOMENT = Rule(
    _is_moment,
    "must be a time with its zone, such as 2026-03-01T12:00:00Z",
    {"format": "date-time"},
)


_UNSTORABLE = re.compile("[\\x00\ud800-\udfff]")


def storable(value: Any) -> bool:
    """Whether a value of JSON can be stored and shown again: no string in it, keys among them, has
    NUL or half of a surrogate pair."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str) and _UNSTORABLE.search(each):
            return False
        if isinstance(each, dict):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, (list, tuple)):
            left += each
    return True


def made_storable(text: str, most: int) -> str:
    """The first `most` characters, with U+FFFD for each that cannot be stored."""
    return _UNSTORABLE.sub("\ufffd", text[:most])


def require(field: str, value: Any, *rules: Rule) -> None:
    """Checks a value that does not come from a request. Raises ApiError 422 with the field unless
    the value keeps all rules."""
    for rule in rules:
        if not rule.allows(value):
            raise invalid(field, f"{field} {rule.message}.")


EMAIL_LENGTH = length(3, 254)
EMAIL_SHAPE = matching("[!-?A-~]+@[!-?A-~]+", "must look like name@example.com")
PASSWORD_LENGTH = length(8, 200)
