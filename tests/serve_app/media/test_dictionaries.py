from __future__ import annotations

import pytest

from serve_app.errors import ApiError
from serve_app.media.dictionaries import MAX_RULES, Rule, from_pls, to_pls

HEAD = '<lexicon xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="ipa">'


def lexicon(content: str) -> bytes:
    return f"{HEAD}{content}</lexicon>".encode()


def lexeme(grapheme: str, inner: str = "") -> str:
    return f"<lexeme><grapheme>{grapheme}</grapheme><alias>said</alias>{inner}</lexeme>"


def test_a_lexicon_is_read_as_it_is_written() -> None:
    rules = [Rule("WHO & co", alias="they"), Rule("tomato", phoneme="təˈmɑːtəʊ")]
    assert from_pls(to_pls(rules).encode()) == rules


def test_lexemes_within_lexemes_are_none() -> None:
    nested = ""
    for number in range(300):
        nested = lexeme(f"word{number}", nested)
    assert from_pls(lexicon(nested)) == [Rule("word299", alias="said")]


def test_a_lexicon_has_no_more_rules_than_a_dictionary() -> None:
    assert len(from_pls(lexicon(lexeme("word") * MAX_RULES))) == MAX_RULES
    with pytest.raises(ApiError, match=str(MAX_RULES)):
        from_pls(lexicon(lexeme("word") * (MAX_RULES + 1)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_lexicon_that_declares_entities_is_refused(encoding: str) -> None:
    entity = '<!DOCTYPE lexicon [<!ENTITY word "word">]>'
    data = f"{entity}{HEAD}{lexeme('&word;')}</lexicon>".encode(encoding)
    with pytest.raises(ApiError, match="entities"):
        from_pls(data)
