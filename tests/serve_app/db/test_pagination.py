from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serve_app.db.pagination import decode_cursor, encode_cursor
from serve_app.errors import ApiError


@given(st.floats(-1e12, 1e12), st.text("0123456789abcdef", min_size=1, max_size=32))
def test_decode_cursor_inverts_encode_cursor(at: float, row_id: str) -> None:
    assert decode_cursor(encode_cursor(at, row_id), float, str) == (at, row_id)


def test_encode_cursor_is_url_safe() -> None:
    cursor = encode_cursor(1_800_000_000.123, "f" * 32)
    assert cursor.replace("-", "").replace("_", "").isalnum()


def _wrap(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@given(st.text(max_size=40) | st.text(max_size=40).map(_wrap))
@example(_wrap("[NaN, 1]"))
@example(_wrap("[1e999, 1]"))
@example(_wrap(f"[1.5, {2**63}]"))
@example(_wrap("[1.5, true]"))
@example(_wrap('[1.5, "00\\u0000"]'))
@example(_wrap("[1.5]"))
@example(_wrap("[" * 140))
@example("é")
@example("A" * 10_000)
def test_decode_cursor_refuses_anything_else(text: str) -> None:
    for kinds in ((float, int), (float, str)):
        with pytest.raises(ApiError) as refused:
            decode_cursor(text, *kinds)
        assert refused.value.status == 422
        assert refused.value.field == "cursor"


def test_decode_cursor_refuses_a_cursor_of_another_list() -> None:
    with pytest.raises(ApiError):
        decode_cursor(encode_cursor(12), float, str)
