"""Signs that are said, by name."""

from __future__ import annotations

import re

from pipelines.english.number_words import either

_NAMES = {
    **{"&": "and", "@": "at", "%": "percent", "+": "plus", "=": "equals", "×": "times"},
    **{"÷": "divided by", "<": "is less than", ">": "is greater than", "≤": "is at most"},
    **{"≥": "is at least", "≠": "is not", "≈": "is about", "±": "plus or minus"},
    **{"°": "degrees", "©": "copyright", "®": "registered", "§": "section", "/": "slash"},
    **{"\\": "backslash", "$": "dollar", "£": "pound", "€": "euro", "¥": "yen", "√": "root of"},
    **{"₹": "rupee", "₺": "lira", "₦": "naira", "₫": "dong", "₱": "peso", "฿": "baht"},
    **{"₪": "shekel", "₩": "won", "₽": "rouble", "₿": "bitcoin", "₴": "hryvnia"},
}
_ARROW = re.compile(r"\s?(?:<?[-=]{1,2}>|<--?(?![\d-])|[←→↔⇐⇒⇔⟶⟵➔➜➡])\s?")
_EMOTICON = re.compile(
    r"(?<!\S)(?:[:;=][-o^']?[)(\]\[DPp/\\|*]+|[xX]D+|:'[)(]|[:<]3+|\^_+\^|¯\\_\(ツ\)_/¯)(?=[\s.,!?]|$)"
)
_PER = re.compile(
    r"\s?/\s?(?=(?:year|month|week|day|night|hour|minute|second|person|kg|km|mile|user|head|unit)s?\b)"
)
_PER_AREA = re.compile(r"\s?/\s?(km|m|cm|ft|mi)([²³])")
_AREAS = {"²": "square", "³": "cubic"}
_LENGTHS = {"km": "kilometre", "m": "metre", "cm": "centimetre", "ft": "foot", "mi": "mile"}
_SLASHED = {
    **{"w/o": "without", "w/": "with", "b/c": "because", "c/o": "care of", "n/a": "not applicable"},
    **{"N/A": "not applicable", "he/she": "he or she", "she/he": "she or he"},
    **{"his/her": "his or her", "him/her": "him or her", "her/his": "her or his"},
    **{"himself/herself": "himself or herself", "s/he": "she or he", "he/him": "he him"},
    **{"she/her": "she her", "they/them": "they them", "and/or": "and or", "yes/no": "yes or no"},
    **{"either/or": "either or", "am/pm": "AM PM", "AM/PM": "AM PM", "I/O": "I O"},
    **{"Mr/Mrs": "Mister or Missis", "true/false": "true or false", "on/off": "on off"},
    **{"parent/guardian": "parent or guardian", "A/C": "A C", "w/e": "whatever"},
    **{"y/y": "year on year", "m/m": "month on month", "q/q": "quarter on quarter"},
    **{"w/v": "weight by volume", "v/v": "volume by volume", "w/w": "weight by weight"},
    **{"km/h": "kilometres per hour", "m/s": "metres per second"},
}
_SLASHED |= {
    form.capitalize(): said.capitalize() for form, said in _SLASHED.items() if form.islower()
}
_SLASHED_FORM = re.compile(
    rf"(?<![\w/])(?<!\d )(?:{either(_SLASHED)})"
    r"(?:(?<=w/)|(?<=W/)|(?![\w/]))"
)
_SILENT_SLASH = re.compile(r"(?<=[A-Z])/(?=[A-Z])")
_GRADE = re.compile(r"(?<![\w'])([A-F])([+-])(?=[\s,.;:!?)]|$)(?!\s(?:and|or|to)\s[A-Z]-)")
_GRADE_SIGNS = {"+": "plus", "-": "minus"}
_DOT_NAME = re.compile(r"(?<![\w.])\.(?=[A-Za-z])")
_SHARP = re.compile(r"\b([A-G])#(?!\w)")
_HASHTAG = re.compile(r"#([^\W\d]\w*)")
_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SIGNS = re.compile(rf"[{re.escape(''.join(_NAMES))}]")


def say_slashed(text: str) -> str:
    """Forms with a slash that are no division: `w/o` is `without`, `he/she` `he or she`."""
    return _SLASHED_FORM.sub(lambda m: f"{_SLASHED[m[0]]} ".rstrip() + _space(m), text)


def drop_drawings(text: str) -> str:
    """Arrows are pauses; faces made of marks are nothing."""
    for written, sign in (
        ("<=", "≤"),
        (">=", "≥"),
        ("!=", "≠"),
        ("==", "="),
        ("&&", "&"),
        ("||", " or "),
    ):
        text = text.replace(written, sign)
    return _ARROW.sub(" — ", _EMOTICON.sub(" ", text))


def say_symbols(text: str) -> str:
    """Signs that are said, by name; the rest of them are left to the caller."""
    text = _PER_AREA.sub(lambda m: f" per {_AREAS[m[2]]} {_LENGTHS[m[1]]}", text)
    text = _SILENT_SLASH.sub(" ", _PER.sub(" per ", text))
    text = _GRADE.sub(lambda m: f"{m[1]}-{_GRADE_SIGNS[m[2]]}", text)
    text = _DOT_NAME.sub("dot ", text.replace(".NET", ".net"))
    text = _SHARP.sub(r"\1 sharp", text)
    text = _HASHTAG.sub(lambda m: "hashtag " + _HUMP.sub(" ", m[1]), text)
    return _SIGNS.sub(lambda m: f" {_NAMES[m[0]]} ", text)


def _space(match: re.Match[str]) -> str:
    """`w/` may stand right before its word."""
    return " " if match.string[match.end() : match.end() + 1].isalnum() else ""
