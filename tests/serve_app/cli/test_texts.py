from __future__ import annotations

import io
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from serve_app.cli.texts import read_text, split_text


@given(st.text(alphabet="ab. !\n", max_size=400), st.integers(5, 60))
def test_split_text_keeps_every_word_and_the_limit(text: str, longest: int) -> None:
    parts = split_text(text, longest)
    assert " ".join(parts).split() == text.split()
    for part in parts:
        assert part.strip() == part
        assert len(part) <= longest or len(part.split()) == 1


def test_split_text_keeps_paragraphs_and_sentences_whole_where_they_fit() -> None:
    text = "One. Two.\n\nThree.\n \nA long sentence here. Another one is here."
    assert split_text(text, 100) == [text.replace("\n \n", "\n\n")]
    assert split_text(text, 22) == [
        "One. Two.\n\nThree.",
        "A long sentence here.",
        "Another one is here.",
    ]
    assert split_text("  \n\n ", 10) == []


def test_read_text_takes_a_file_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "story.txt"
    file.write_bytes(b"\xef\xbb\xbfOnce upon a time.")
    assert read_text(None, file) == "Once upon a time."
    for arguments in (("-", None), (None, Path("-"))):
        monkeypatch.setattr("sys.stdin", io.StringIO("From a pipe."))
        assert read_text(*arguments) == "From a pipe."
    assert read_text("Hello there.", None) == "Hello there."


def test_read_text_refuses_what_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    image = tmp_path / "image.png"
    image.write_bytes(b"\x89PNG")
    for arguments, reason in (
        ((None, None), "give a TEXT"),
        (("Hello.", image), "not both"),
        ((str(image), None), "is a file: say --file"),
        ((None, image), "no text in UTF-8"),
        ((None, tmp_path / "nothing.txt"), "cannot be read: No such file"),
    ):
        with pytest.raises(typer.BadParameter, match=reason):
            read_text(*arguments)
