import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.english.markup import plain
from pipelines.english.reading import read

LINK = "Use the [Reader](https://example.com/a/b.html) now."


def said(text: str, *, literal: bool = False) -> str:
    reading = read(text, "en-us", literal=literal)
    whole = " | ".join(reading.words.written(part.text) for part in reading.parts)
    return whole.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("&ldquo;Tea&rdquo; &amp; cake &mdash; it&#39;s ready.", "“Tea” and cake — it's ready."),
        ("it&#x27;s here and don&#39;t go", "it's here and don't go"),
        ("a&nbsp;b AT&T;", "a b AT and T;"),
        ("<p>One <b>bold</b> word.</p><p>Two.</p>", "One bold word. | Two."),
        ('<a href="https://example.com/x">here</a>', "here"),
        ("<ul><li>one</li><li>two</li></ul>", "one. | two"),
        ("line<br>Break", "line. | Break"),
        ("a <!-- hidden --> b <script>var x = 1;</script> c", "a b c"),
        ("x<sup>2</sup> and H<sub>2</sub>O", "x squared and H two O"),
        ("if a < b and c > d", "if a is less than b and c is greater than d"),
        ("List<String> and <unknown>", "List is less than String is greater than and is less than "
         "unknown is greater than"),
        (LINK, "Use the Reader now."),
        ("![a cat](cat.png) and [one][1]\n\n[1]: https://example.com", "a cat and one"),
        ("*bold*, _it_, **strong**, ~~old~~ and `code`", "bold, it, strong, old and code"),
        ("snake_case and 2*3*4=24", "snake case and two times three times four equals "
         "twenty-four"),
        ("# Title\nText", "Title. | Text"),
        ("Title\n=====\nText", "Title. | Text"),
        ("- [x] done\n- [ ] open", "done. | open"),
        ("| a | b |\n|---|---|\n| c | d |", "a, b. | c, d"),
        ("> quoted\n\n---\n\nend", "quoted. | end"),
        ("```python\nx = 1\n```", "x equals one"),
        ("a claim[^1] here\n\n[^1]: The note.", "a claim here. | The note."),
        ("<speak>Hi <emphasis>there</emphasis>.</speak>", "Hi there."),
        ('<say-as interpret-as="characters">ABC</say-as>', "A B C"),
        ('<sub alias="World Wide Web">WWW</sub>', "World Wide Web"),
        ('<prosody rate="slow">slow</prosody> <mstts:silence type="x" value="1"/>end', "slow end"),
    ],
)  # fmt: skip
def test_markup_is_read_for_what_it_means(written: str, spoken: str):
    assert said(written) == spoken


def test_literal_texts_are_read_as_they_are_written():
    assert "is less than b is greater than" in said("<b>x</b>", literal=True)
    assert said("&amp;", literal=True) == "and amp;"
    assert "example dot com" in said(LINK, literal=True)
    assert "E" not in [part.pause for part in read("<break/> a", "en-us", literal=True).parts]


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ('<break time="500ms"/>', 0.5),
        ('<break time="2s"/>', 2.0),
        ("<break time='1.5s' />", 1.5),
        ('<break time="9s"/>', 3.0),
        ('<break strength="none"/>', 0.0),
        ('<break strength="strong"></break>', 0.9),
        ("<break/>", 0.5),
        ("[pause:2.5s]", 2.5),
        ("[pause 300ms]", 0.3),
        ("[pause]", 0.5),
        ('<break time="1s"/><break time="1s"/>', 2.0),
    ],
)
def test_pauses_are_honoured_up_to_three_seconds(tag: str, seconds: float):
    first, second = read(f"Take a breath. {tag} Now go on.", "en-us", literal=False).parts
    assert (first.text, second.text) == ("Take a breath.", "Now go on.")
    assert first.pause is None
    assert second.pause == pytest.approx(seconds)


def test_pauses_at_both_ends_are_kept():
    reading = read('<break time="1s"/>Now.<break time="2s"/>', "en-us", literal=False)
    assert [part.pause for part in reading.parts] == [pytest.approx(1)]
    assert reading.last_pause == pytest.approx(2)


def test_given_pronunciations_stand_for_their_word():
    text = 'a <phoneme alphabet="ipa" ph="təˈmɑːtəʊ">tomato</phoneme> and [Kokoro](/kˈOkəɹO/)'
    reading = read(text, "en-us", literal=False)
    [part] = reading.parts
    assert reading.words.written(part.text) == "a tomato and Kokoro"
    sounds = [reading.words.spoken(mark).phonemes for mark in part.text if mark >= "\ue800"]
    assert sounds == ["təˈmɑːtəʊ", "kˈOkəɹO"]


@pytest.mark.parametrize("attributes", ['alphabet="x-sampa" ph="t@"', 'ph=""', 'ph="123"', ""])
def test_pronunciations_that_cannot_be_read_leave_the_word(attributes: str):
    assert said(f"a <phoneme {attributes}>tomato</phoneme>".replace(" >", ">")) == "a tomato"


def test_marks_of_the_front_end_cannot_be_written_by_hand():
    assert said("a\ue000b \ue800c\uf8ff\U000f0000d \ue132e") == "ab cd e"


@given(st.text("<>&;/ab=\"'*_`[]()!#|-\n12 ", max_size=200))
def test_any_markup_becomes_text(text: str):
    assert not re.search(r"\d", said(text))
    assert plain(text) == plain(text)


@pytest.mark.parametrize(
    "pattern",
    ["<a ", "<b", "</", "<a b=", "<a b='", "&", "&#", "[", "[a](", "![", "*", "**a", "_", "`", "~~",
     "<!--", "<script>", "<![CDATA[", "|", "|-", "#", "\n# ", "\n- ", "[^", "[pause", "<break ",
     "<phoneme ph='a'>", "<li>", "</li>", "==", "a\n-", "a\n=\n", "\\*", "aaa", "Noooo "],
)  # fmt: skip
def test_no_markup_takes_long(pattern: str):
    text = (pattern * 5000)[:5000]
    read("warm up", "en-us", literal=False)
    started = time.process_time()
    read(text, "en-us", literal=False)
    assert time.process_time() - started < 1.5
