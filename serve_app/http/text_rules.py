"""Validation of submitted text, for every service that takes text."""

from __future__ import annotations

import re
import unicodedata

from serve_app.errors import invalid

_LINE_END = re.compile("\r\n|[\v\f]")


def clean_text(text: str, field: str, max_length: int) -> str:
    """`text` without surrounding white space: 1 to `max_length` characters, without control
    characters except tab and the ends of lines and pages; every such end becomes a newline. Raises
    ApiError 422 for `field`."""
    stripped = _LINE_END.sub("\n", text).strip()
    if not stripped:
        raise invalid(field, f"{field} must have 1 to {max_length} characters besides white space.")
    if len(stripped) > max_length:
        message = f"{field} must have 1 to {max_length} characters; this has {len(stripped)}."
        raise invalid(field, message)
    for place, character in enumerate(stripped):
        if unicodedata.category(character) == "Cc" and character not in "\n\t":
            code_point = f"U+{ord(character):04X}"
            raise invalid(
                field,
                f"{field} must have no control characters but tab and the ends of lines; "
                f"character {place + 1} is {code_point}.",
            )
    return stripped
