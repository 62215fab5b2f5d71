import pytest

from serve_app.errors import ApiError
from serve_app.http.text_rules import clean_text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\f", "\v"])
def test_ends_of_lines_and_pages_become_newlines(end: str):
    assert clean_text(f" one{end}two\t{end}", "text", 20) == "one\ntwo"


@pytest.mark.parametrize("character", ["\x00", "\x07", "\r", "\x1b", "\x7f", "\x85"])
def test_other_control_characters_are_refused(character: str):
    with pytest.raises(ApiError, match="no control characters"):
        clean_text(f"a{character}b", "text", 20)
