"""HTML, SSML and Markdown, rendered to what a reader would say.

`render` keeps lines and list marks, which `layout` reads afterwards. Only what is certainly markup
is taken for it: known tags with well-formed attributes, named entities, paired emphasis.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.entities import html5

from pipelines.english import marks
from pipelines.english.characters import drop_marks
from pipelines.english.markdown import strip_markdown
from pipelines.english.marks import Words

_BLOCKS = frozenset(
    [
        *("p", "div", "section", "article", "header", "footer", "main", "nav", "aside", "table"),
        *("blockquote", "pre", "hr", "ul", "ol", "dl", "figure", "body", "head", "html", "title"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "form", "fieldset", "details", "address"),
    ]
)
_LINES = frozenset(
    ["br", "tr", "li", "dt", "dd", "caption", "figcaption", "summary", "option", "legend", "thead"]
)
_LINES |= {"tbody", "tfoot"}
_INLINE = frozenset(
    [
        *(
            "a",
            "abbr",
            "acronym",
            "b",
            "bdi",
            "bdo",
            "big",
            "button",
            "cite",
            "code",
            "data",
            "del",
        ),
        *("dfn", "em", "font", "i", "img", "input", "ins", "kbd", "label", "link", "mark", "meta"),
        *("meter", "output", "picture", "progress", "q", "rp", "rt", "ruby", "s", "samp", "select"),
        *("small", "source", "span", "strike", "strong", "sub", "sup", "svg", "td", "textarea"),
        *("th", "time", "tt", "u", "var", "video", "wbr", "canvas", "iframe", "center", "nobr"),
    ]
)
_SSML = frozenset(
    [
        *("speak", "voice", "prosody", "emphasis", "break", "phoneme", "say-as", "audio", "lang"),
        *("w", "lexicon", "metadata", "desc", "paragraph", "sentence"),
    ]
)
_NAMES = _BLOCKS | _LINES | _INLINE | _SSML
_VALUE = r"""(?:"[^"<>]{0,2000}"|'[^'<>]{0,2000}'|[^\s"'<>=`/]{1,200})"""
_TAG = re.compile(
    rf"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9-]*(?::[A-Za-z-]+)?)"
    rf"(?P<attributes>(?:\s{{1,20}}[A-Za-z_:][\w:.-]{{0,60}}\s{{0,4}}=\s{{0,4}}{_VALUE}){{0,30}})"
    r"\s{0,20}/?>"
)
_ATTRIBUTE = re.compile(rf"([A-Za-z_:][\w:.-]*)\s*=\s*({_VALUE})")
_HIDDEN = re.compile(
    r"<!--(?:(?!-->).){0,20000}-->|<!DOCTYPE[^<>]{0,300}>|<\?[^<>]{0,300}\?>"
    r"|<(script|style|template|noscript)\b[^<>]{0,500}>(?:(?!</\1).){0,20000}</\1\s*>",
    re.I | re.S,
)
_CDATA = re.compile(r"<!\[CDATA\[((?:(?!\]\]>).){0,20000})\]\]>", re.S)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^\s<>]{1,500}|[\w.+-]{1,64}@[\w.-]{1,200})>")
_BRACKET_PAUSE = re.compile(
    r"\[\s?(?:pause|break|silence)(?:[\s:=]\s?(\d{1,5}(?:\.\d{1,3})?)\s?(ms|s|sec|seconds?)?)?\s?\]",
    re.I,
)
_DURATION = re.compile(r"(\d{0,6}(?:\.\d{1,4})?)\s*(ms|s)")
_STRENGTHS = {
    "none": 0.0,
    "x-weak": 0.15,
    "weak": 0.25,
    "medium": 0.5,
    "strong": 0.9,
    "x-strong": 1.4,
}
_DEFAULT_PAUSE = 0.5
_MARKS = re.compile(r"[<>&*_`~#\[\]\\|=]")
"""Without any of these a text holds no markup."""
_SPELT = frozenset(
    ["characters", "character", "spell-out", "verbatim", "letters", "digits", "digit"]
)
_SPOKEN_PHONEMES = re.compile(r"\[([^\[\]\n]{1,60})\]\(/([^()\s/][^()\n/]{0,100})/\)")
"""misaki's way of giving a pronunciation: `[word](/phonemes/)`."""

Pronounce = Callable[[str], str]


def render(text: str, words: Words, pronounce: Pronounce) -> str:
    """The text without markup. Pauses and given pronunciations become marks.

    `pronounce` gives Kokoro's phonemes for IPA; where they are empty, the word is read as written.
    """
    text = _HIDDEN.sub(" ", text)
    text = _CDATA.sub(lambda m: html.escape(m[1]), text)
    text = _AUTOLINK.sub(lambda m: m[1].removeprefix("mailto:"), text)
    text = _BRACKET_PAUSE.sub(_bracket_pause, text)
    text = _SPOKEN_PHONEMES.sub(lambda m: _spoken(m[1], m[2], words, pronounce), text)
    text = _Tags(words, pronounce).render(text)
    text = strip_markdown(text)
    return _ENTITY.sub(_entity, text)


def plain(text: str) -> str:
    """The text without markup, pauses and given pronunciations."""
    if not _MARKS.search(text):
        return text
    words = Words()
    rendered = words.written(render(drop_marks(text), words, lambda ipa: ipa))
    return marks.without_pauses(rendered)


def blanked(text: str) -> str:
    """The text with a space for each character of tags, comments, pauses and phonemes: what is left
    stands where it stood."""
    if not _MARKS.search(text):
        return text
    for pattern in (_HIDDEN, _BRACKET_PAUSE):
        text = pattern.sub(lambda m: " " * len(m[0]), text)
    text = _SPOKEN_PHONEMES.sub(lambda m: f" {m[1]}".ljust(len(m[0])), text)
    return _TAG.sub(lambda m: " " * len(m[0]) if _is_known(m["name"]) else m[0], text)


def _is_known(name: str) -> bool:
    return name.lower() in _NAMES or ":" in name


class _Tags:
    """Goes through the tags of one text. What an open tag holds may be said in another way."""

    def __init__(self, words: Words, pronounce: Pronounce) -> None:
        self._words = words
        self._pronounce = pronounce
        self._open: list[tuple[str, dict[str, str], int]] = []
        self._out: list[str] = []

    def render(self, text: str) -> str:
        place = 0
        for match in _TAG.finditer(text):
            name = match["name"].lower()
            if not _is_known(name):
                continue
            self._out.append(text[place : match.start()])
            place = match.end()
            if match["end"]:
                self._close(name)
            else:
                self._begin(name, _attributes(match["attributes"]), match[0].endswith("/>"))
        self._out.append(text[place:])
        return "".join(self._out)

    def _begin(self, name: str, attributes: dict[str, str], closed: bool) -> None:
        if name == "break":
            self._out.append(marks.pause(_break_seconds(attributes)))
        elif name in _BLOCKS or name in ("paragraph",):
            self._out.append("\n\n")
        elif name in _LINES:
            self._out.append("\n- " if name == "li" else "\n")
        elif name in ("td", "th"):
            self._out.append(", ")
        elif name == "img" or (name == "input" and closed):
            self._out.append(attributes.get("alt", ""))
        elif not closed and name in ("phoneme", "say-as", "sub", "sup", "q"):
            self._open.append((name, attributes, len(self._out)))

    def _close(self, name: str) -> None:
        if self._open and self._open[-1][0] == name:
            _, attributes, begin = self._open.pop()
            inside = "".join(self._out[begin:])
            self._out[begin:] = [self._said(name, attributes, inside)]
        elif name in _BLOCKS or name == "paragraph":
            self._out.append("\n\n")

    def _said(self, name: str, attributes: dict[str, str], inside: str) -> str:
        if name == "phoneme":
            return _phoneme(attributes, inside, self._words, self._pronounce)
        if name == "say-as" and attributes.get("interpret-as", "").lower() in _SPELT:
            return " ".join(inside.replace(" ", ""))
        if name == "sub":
            return attributes.get("alias", inside)
        if name == "sup":
            return f"^{inside}" if re.fullmatch(r"[-+−]?\d{1,3}", inside) else inside
        return f'"{inside}"' if name == "q" else inside


def _attributes(written: str) -> dict[str, str]:
    return {
        name.lower(): html.unescape(value.strip("\"'"))
        for name, value in _ATTRIBUTE.findall(written)
    }


def _break_seconds(attributes: dict[str, str]) -> float:
    found = _DURATION.fullmatch(attributes.get("time", "").strip().lower())
    if found and found[1]:
        return float(found[1]) / (1000 if found[2] == "ms" else 1)
    return _STRENGTHS.get(attributes.get("strength", ""), _DEFAULT_PAUSE)


def _bracket_pause(match: re.Match[str]) -> str:
    if not match[1]:
        return marks.pause(_DEFAULT_PAUSE)
    return marks.pause(float(match[1]) / (1000 if match[2] == "ms" else 1))


def _phoneme(attributes: dict[str, str], inside: str, words: Words, pronounce: Pronounce) -> str:
    if attributes.get("alphabet", "ipa").lower() != "ipa":
        return inside
    return _spoken(inside, attributes.get("ph", ""), words, pronounce)


def _spoken(written: str, ipa: str, words: Words, pronounce: Pronounce) -> str:
    phonemes = pronounce(ipa)
    return f" {words.mark(written.strip() or ipa, phonemes)}" if phonemes else written


def _entity(match: re.Match[str]) -> str:
    """Unknown names stay as they are."""
    known = match[0][1] == "#" or match[0][1:] in html5
    return html.unescape(match[0]) if known else match[0]
