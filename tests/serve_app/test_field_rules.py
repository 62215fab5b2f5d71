"""Rules of request fields."""

from __future__ import annotations

from typing import Any

import pytest

from serve_app.field_rules import storable


@pytest.mark.parametrize(
    ("value", "may"),
    [
        ("Grüße 👋", True),
        ({"a": [1, None, {"b": "c"}]}, True),
        ("\ud800", False),
        ("a\0b", False),
        ({"a": [{"b": "\udfff"}]}, False),
        ({"\ud83d": 1}, False),
    ],
)
def test_storable_looks_at_every_string(value: Any, may: bool) -> None:
    assert storable(value) is may
