"""From any Unicode text to the characters that the rest of the front end knows.

What is not meant to be heard goes: control and format characters, unassigned code points, emoji and
other pictographs, marks piled on a letter. What has a plainer form gets it: full-width and
mathematical letters, digits of any script, the many quotes, dashes and spaces.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

NO_BREAK = "\u00a0"
"""In normalised text: a space inside one spoken unit ("three pounds fifty"), not to be cut at."""

_PLAIN = str.maketrans(
    {
        "\t": " ",
        "\v": "\n",
        "\f": "\n",
        "\r": "\n",
        "\x85": "\n",
        "\u2028": "\n",
        "\u2029": "\n\n",
        "´": "'",
        "`": "'",
        "‘": "'",
        "’": "'",
        "‚": ",",
        "‛": "'",
        "ʼ": "'",
        "′": "'",
        "″": '"',
        **dict.fromkeys("“”„‟«»‹›", '"'),
        "「": ' "',
        "」": '" ',
        "『": ' "',
        "』": '" ',
        "《": ' "',
        "》": '" ',
        "【": " (",
        "】": ") ",
        "[": "(",
        "]": ")",
        "{": "(",
        "}": ")",
        "₤": "£",
        "‐": "-",
        "‑": "-",
        "‒": "-",
        "−": "-",
        "―": "—",
        "⁄": "/",
        "∕": "/",
        "¡": " ",
        "¿": " ",
        "。": ". ",
        "、": ", ",
        "،": ", ",
        "؛": "; ",
        "؟": "? ",
        "۔": ". ",
        "٫": ".",
        "٬": ",",
        "।": ". ",
        "॥": ". ",
        "։": ": ",
        "·": " ",
        "™": " ",
        "…": "...",
        "〇": "零",
    }
)

_FRACTION_CHARACTER = re.compile("[¼-¾⅐-⅞↉]")
_SUPERSCRIPTS = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+[⁺⁻]?|[⁺⁻]")
_FOOTNOTE = re.compile(r"(?<=[a-z]{4})(?<!\d)([.,;:!?]?)[⁰¹²³⁴-⁹]+(?=[\s.,;:!?)]|$)")
_GROUP_SPACE = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_PLAIN_SPACED_NUMBER = re.compile(
    r"(?<![\w.,:/+])(?<!\d )(?<!\) )(?<!\w-)"
    r"(?:[1-9]\d?(?: \d{3}){2,}|[1-9]\d{0,2}(?: \d{3})* 000"
    r"|(?<=[$£€¥₩₹₽₿₺₦₫₱฿₪₴])[1-9]\d{0,2}(?: \d{3})+|[1-9]\d{0,2}(?: \d{3})+(?= ?[€£¥₩₹₽₿₺₦₫₱฿₪₴]))"
    r"(?!\d|[ ,:/-]\d)"
)
"""A number grouped by plain spaces. Groups of three digits may also be numbers that follow one
another (`5 100 metre races`) or a telephone number, so there must be more to tell them by: two
groups behind one or two digits, zeros at the end, or a currency."""
_LETTER_WITH = re.compile(r"LATIN (SMALL|CAPITAL) LETTER ([A-Z]) WITH ")
_SPACES = re.compile(r"[^\S\n]+")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
_HEARD_SYMBOLS = frozenset("°©®")


def drop_marks(text: str) -> str:
    """Without the characters that `marks` uses inside a text, and other private ones."""
    return _PRIVATE.sub("", text)


def clean(text: str) -> str:
    """Plain characters only; lines are kept, every other white space is one space."""
    text = _GROUP_SPACE.sub(",", text.replace("\r\n", "\n"))
    text = _PLAIN_SPACED_NUMBER.sub(lambda m: m[0].replace(" ", ","), text)
    text = _FRACTION_CHARACTER.sub(_spell_fraction, text)
    text = text.translate(_PLAIN)
    text = _SUPERSCRIPTS.sub(_spell_power, _FOOTNOTE.sub(r"\1", text))
    text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    if not text.isascii():
        text = _drop_loose_marks("".join(map(_simplify, text)))
    else:
        text = "".join(c if c >= " " or c == "\n" else " " for c in text).replace("\x7f", " ")
    return _SPACES.sub(" ", text)


def _spell_fraction(match: re.Match[str]) -> str:
    """`½` as ` 1/2`: the space keeps it apart from a whole number before it."""
    return " " + unicodedata.normalize("NFKC", match[0]).replace("⁄", "/")


def _spell_power(match: re.Match[str]) -> str:
    """`x⁻²` as `x^-2`."""
    return "^" + unicodedata.normalize("NFKC", match[0]).replace("−", "-")


@lru_cache(maxsize=16384)
def _simplify(character: str) -> str:
    """What one character becomes; empty when it is not to be heard at all."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category == "Co":
        return character if "\ue000" <= character <= "\uf8ff" else ""
    if category == "Cc":
        return character if character == "\n" else " "
    if category in ("Cf", "Cs", "Cn", "Me") or script(character) == "MODIFIER":
        return ""
    if category in ("So", "Sk") and character not in _HEARD_SYMBOLS and character != "^":
        return " "
    if category.startswith("Z"):
        return " "
    if category.startswith("L") and character > "\u00ff":
        return _plain_latin(character)
    return character


def _plain_latin(letter: str) -> str:
    """The bare letter for those with marks that an English voice would name one by one."""
    match = _LETTER_WITH.match(unicodedata.name(letter, ""))
    if not match:
        return letter
    return match[2] if match[1] == "CAPITAL" else match[2].lower()


def _drop_loose_marks(text: str) -> str:
    """Without the marks that compose with no Latin letter; other scripts need theirs."""
    kept: list[str] = []
    base_takes_marks = False
    for character in text:
        if unicodedata.category(character) in ("Mn", "Mc"):
            if base_takes_marks:
                kept.append(character)
            continue
        base_takes_marks = character.isalpha() and not is_latin(character)
        kept.append(character)
    return "".join(kept)


@lru_cache(maxsize=16384)
def script(character: str) -> str:
    """Name of a letter's script as Unicode begins its name: `LATIN`, `CJK`, `HIRAGANA`, ..."""
    return re.split("[ -]", unicodedata.name(character, ""), maxsplit=1)[0]


def is_latin(character: str) -> bool:
    """Whether a letter belongs to the Latin script."""
    return character.isascii() or script(character) == "LATIN"
