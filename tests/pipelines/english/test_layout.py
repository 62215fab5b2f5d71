import pytest

from pipelines.english.layout import lay_out
from pipelines.english.marks import LINE, PARAGRAPH


def laid_out(text: str) -> str:
    return lay_out(text).replace(PARAGRAPH, "¶").replace(LINE, "↵")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("One.\n\nTwo.", "One. ¶ Two."),
        ("Chapter One\nThe Storm\nIt was dark.", "Chapter One. ↵ The Storm. ↵ It was dark."),
        ("# Title\nText that\nwraps.", "Title. ¶ Text that wraps."),
        ("List:\n- one\n- two\n\nEnd", "List: ↵ one. ↵ two. ¶ End"),
        ("1. first\n2) second", "1. first. ↵ 2. second"),
        ("I went to\nLondon with\nAnna", "I went to London with Anna"),
        ("Roses are red,\nViolets are blue", "Roses are red, Violets are blue"),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_lines_end_where_they_are_seen_to(text: str, said: str):
    assert laid_out(text) == said


def test_wrapped_paragraphs_are_joined():
    text = (
        "The first line of this paragraph is as long as the other ones that follow here\n"
        "Paris is where the second one begins, and it goes on for about as long as that\n"
        "until the end."
    )
    assert LINE not in lay_out(text)
