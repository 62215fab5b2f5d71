"""Notation of science, law and music, as the words in which it is said.

It runs before the rules of numbers, which would take its signs and brackets for their own.
"""

from __future__ import annotations

import re

from pipelines.english.characters import NO_BREAK
from pipelines.english.currencies import CODES
from pipelines.english.number_words import Numbers, either, plural, unit

_FLAT_OR_SHARP = re.compile(r"\s?([♭♯♮])")
_ACCIDENTALS = {"♭": " flat ", "♯": " sharp ", "♮": " natural "}
_LOVE = re.compile(r"(?:(?<=\bI )|(?<=\b[Ww]e ))(?:❤|♥|💙|💚|💛|💜|🖤)\ufe0f?(?=\s?\w)")
_SECTIONS = re.compile(r"§§\s?")
_PARAGRAPH = re.compile(r"¶\s?(?=\d)")
_PINT = re.compile(r"(?<![\w.,])(\d{1,2})st(?=(?:\s?\d{1,2}\s?lbs?)?\b)")
_PENCE = re.compile(r"(?<![\w.,/:-])(\d{1,3}(?:\.\d)?)p(?![\w/]|-\w|\.\s?m)")
_PICTURE_LINES = frozenset(["144", "240", "360", "480", "540", "576", "720"])
_PERCENT = re.compile(r"(?<=\d)pc(?!\w)(?!\s(?:set|box|pack|kit|bundle|puzzle)\b)")
_BASIS = re.compile(r"(?<![\w.,])(\d{1,3}(?:\.\d+)?)\s?bps?\b")
_RATES = re.compile(
    r"\b(?:rates?|yields?|spreads?|margins?|revenue|Fed|ECB|bank|cut|hike|hiked|rose|fell|up|down|"
    r"bonds?|gilts?|Treasury|coupon|tighten\w*|widen\w*|basis)\b"
)
_DASHED_MIXED = re.compile(r"(?<![\w.,/-])(\d{1,3})-(\d{1,2}/\d{1,2})(?![\w/]|[.,]\d)")

_ARC = re.compile(r"(?<=\d)°\s?(\d{1,2}(?:\.\d+)?)['′](?!')(?:\s?(\d{1,2}(?:\.\d+)?)(?:\"|'')?)?")
_BEARING = re.compile(r"(?:(?<=[°'\"])|(?<=degrees)|(?<=minutes)|(?<=seconds))\s?([NSEW])\b")
_BEARINGS = {"N": "north", "S": "south", "E": "east", "W": "west"}

_FACTORIAL = re.compile(r"(?<![\w.,])(\d{1,3}|n)!(?=\s?[=+*/×÷<>]|\s(?:is|equals|=)\b)")
_OF = re.compile(r"(?<![\w'])([fghPF]|sin|cos|tan|log|ln|exp)\s?\(([a-z]|-?\d+)\)")
_FUNCTIONS = {
    **{"sin": "sine", "cos": "cosine", "tan": "tangent", "log": "log", "ln": "natural log"},
    "exp": "exponential",
}
_NAMES = {
    **{"∑": "the sum", "∏": "the product", "∫": "the integral", "∞": "infinity"},
    **{"∂": "partial", "∇": "nabla", "∈": "is in", "∉": "is not in", "∀": "for all"},
    **{"∃": "there is", "∪": "union", "∩": "intersection", "⊂": "is a subset of"},
    **{"⊆": "is a subset of", "∅": "the empty set", "∝": "is proportional to", "∴": "therefore"},
    **{
        "≡": "is identical to",
        "∆": "delta",
        "∠": "angle",
        "⊥": "is perpendicular to",
        "∥": "is parallel to",
    },
}
_NAMED = re.compile(f"[{''.join(_NAMES)}]")
_OVER = re.compile(
    r"(?<![\w/])(?<!\d )((?:\d+|[a-zA-Z]|[πθ])(?:\^-?\w+)?)"
    r"/((?:\d*[a-zA-Zπθ]|\d+)(?:\^-?\w+)?)(?![\w/])"
)
_SYMBOLIC = re.compile(r"[\^πθ]")

_ION = re.compile(
    r"(?<![\w'-])(AB|O|OH|Cl|Br|CN|HCO3|NO2|NO3|e)-(?=[\s,.;:)]|$)(?!\s(?:and|or)\s[a-z]+-)"
)
_SUBSECTION = re.compile(r"(?<=\d)((?:\((?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})\))+)(?![\w(])")
_PLAN = re.compile(r"(?<![\w.,])(40[13]|457)\(([a-z])\)")
_BRACKETED = re.compile(r"\((\w+)\)")

_ROAD = re.compile(
    r"\b(Hwy|Highway|Rte|Route|Interstate|I-|US-|State Road)\.?(\s?)(\d{1,4})"
    r"(?:\s([NSEW])\b\.?)?(?![\w-])"
)
_ROADS = {"Hwy": "highway", "Rte": "route"}
_RATED = re.compile(r"([£$€]\s?\d[\d,.]*[km]?)\s?(pppn|pppw|ppp?d|pp|pcm|pw|pa|p\.a\.|ph|pn)(?!\w)")
_RATES_SAID = {
    **{"pppn": "per person per night", "pppw": "per person per week", "pp": "per person"},
    **{"pppd": "per person per day", "ppd": "per person per day", "pcm": "per calendar month"},
    **{"pw": "per week", "pa": "per annum", "p.a.": "per annum", "ph": "per hour"},
    "pn": "per night",
}
_STANDARD = re.compile(
    r"\b((?:ISO|IEC|EN|BS|DIN|ISO/IEC|BS EN|EN ISO)\s\d{2,5}(?:-\d)?):((?:19|20)\d\d)\b"
)
_CENTURY = re.compile(r"(?<=\d(?:st|nd|rd|th))[\s-](?:c|cent)\.(?=\s)")
_SPECIES = re.compile(r"(?<![\w.])([A-Z])\.\s(?=[a-z]{4,})")
_PINTS = re.compile(r"(?<=\d)\s?pts\b\.?(?=\s(?:of|milk|cream|water|beer|ale|stock|blood)\b)")
_FISCAL = re.compile(r"\bFY(?=20\d\d)")
_DOCKET = re.compile(r"\b(No\.?\s\d{1,4})-(?=\d{3,6}\b(?![-,.]\d))")
_HYPHENED_CODE = re.compile(r"\b((?!AD|BC)[A-Z]{1,4}-)(\d{3})(?![\w-]|[.,]\d)")
_PAIR = re.compile(rf"\b({either(CODES)})/({either(CODES)})\b")
_STARRED = re.compile(r"(?<=[A-Z])\*(?=s?(?:[\s,.;:)-]|$))")
_NUMBERED_PLURAL = re.compile(r"\b([A-Za-z]{2,}-)(\d{1,2})s\b")
_SHUTTER = re.compile(r"(?<![\w/.,])1/(\d{2,4})\s?s(?:ec)?\b")
_APERTURE = re.compile(r"\b([fF])/(?=\d)")
_RIGHT_HONOURABLE = re.compile(r"\bRt\.?\sHon\.?(?=\s)")
_REFERENCE = re.compile(r"#(?=[A-Z]{1,3}\d)")
_LAP = re.compile(r"(?<![\w:.])(\d{1,2}):([0-5]\d\.\d{1,3})(?![\w:]|\.\d)")
_ORDINALS = re.compile(r"(?<=\d(?:st|nd|rd|th))\s?[-–]\s?(?=\d+(?:st|nd|rd|th)\b)")
_KEYS = {"Ctrl": "Control", "Cmd": "Command", "Del": "Delete", "Esc": "Escape", "PgUp": "Page Up"}
_KEY = re.compile(rf"\b({'|'.join(_KEYS)})(?=\s?[+-]\s?\w)|(?<=\+)({'|'.join(_KEYS)})\b")


def say_signs_of_fields(text: str) -> str:
    """Signs of music, mathematics and law that do not live past `clean`."""
    text = _LOVE.sub("love", text)
    text = _FLAT_OR_SHARP.sub(lambda m: _ACCIDENTALS[m[1]], text)
    text = _PARAGRAPH.sub("paragraph ", _SECTIONS.sub("sections ", text))
    return _NAMED.sub(lambda m: f" {_NAMES[m[0]]} ", text)


_WIRELESS = re.compile(r"\b802\.(\d{1,2})([a-z]{1,2})?\b(?!\.\d)")


def _wireless(match: re.Match[str], say: Numbers) -> str:
    """The letters after the number of a standard are no unit: `802.11ac`."""
    letters = " ".join((match[2] or "").upper())
    return unit("eight oh two", "point", say.cardinal(match[1]), letters)


def say_notation(text: str, say: Numbers) -> str:
    """Stones, pence, degrees and minutes, functions, ions, subsections."""
    text = _WIRELESS.sub(lambda m: _wireless(m, say), text)
    text = _PAIR.sub(lambda m: f"{'-'.join(m[1])} {'-'.join(m[2])}", text)
    text = _RIGHT_HONOURABLE.sub("Right Honourable", _STARRED.sub(" star", text))
    text = _NUMBERED_PLURAL.sub(lambda m: m[1] + plural(say.cardinal(m[2])), text)
    text = _SHUTTER.sub(lambda m: unit("one", say.ordinal(m[1]), "of a second"), text)
    text = _APERTURE.sub(r"\1 ", text)
    text = _PINT.sub(lambda m: _stone(m, say), text)
    text = _PENCE.sub(lambda m: _pence(m, say), text)
    text = _RATED.sub(lambda m: f"{m[1]} {_RATES_SAID[m[2]]}", text)
    text = _PERCENT.sub("%", text)
    text = _BASIS.sub(_basis_points, text)
    text = _DASHED_MIXED.sub(r"\1 \2", text)
    text = _BEARING.sub(lambda m: f" {_BEARINGS[m[1]]}", _ARC.sub(_minutes, text))
    text = _FACTORIAL.sub(lambda m: f"{m[1]} factorial", text)
    text = _OF.sub(lambda m: f"{_FUNCTIONS.get(m[1], m[1])} of {m[2]}", text)
    text = _OVER.sub(lambda m: f"{m[1]} over {m[2]}" if _SYMBOLIC.search(m[0]) else m[0], text)
    text = _ROAD.sub(_road, text)
    text = _DOCKET.sub(r"\1 dash ", _FISCAL.sub("FY ", _PINTS.sub(" pt", text)))
    text = _HYPHENED_CODE.sub(lambda m: m[1] + say.pairs(m[2]), text)
    text = _STANDARD.sub(lambda m: f"{m[1]}, {say.year(m[2])}", text)
    text = _CENTURY.sub(" century", _ORDINALS.sub(" to ", text))
    text = _REFERENCE.sub("number ", _SPECIES.sub(r"\1 ", text))
    text = _LAP.sub(lambda m: _lap(m, say), text)
    text = _KEY.sub(lambda m: _KEYS[m[1] or m[2]], text)
    text = _ION.sub(r"\1 minus", text)
    text = _PLAN.sub(lambda m: unit(say.pairs(m[1]), m[2].upper()), text)
    return _SUBSECTION.sub(lambda m: _subsection(m[1], say), text)


def _stone(match: re.Match[str], say: Numbers) -> str:
    """`12st` is no ordinal, and `11st 4lb` neither."""
    ordinal = match[1].endswith("1") and match[1] != "11"
    weighed = re.match(r"\s?\d{1,2}\s?lbs?\b", match.string[match.end() :])
    return match[0] if ordinal and not weighed else unit(say.cardinal(match[1]), "stone")


def _pence(match: re.Match[str], say: Numbers) -> str:
    if match[1] in _PICTURE_LINES:
        return match[0]
    return unit(say.number(match[1]), "penny" if match[1] == "1" else "pence")


def _basis_points(match: re.Match[str]) -> str:
    """In the news of money; elsewhere bits in a second."""
    near = match.string[max(0, match.start() - 80) : match.end() + 60]
    if not _RATES.search(near):
        return match[0]
    return f"{match[1]} basis point{'' if match[1] == '1' else 's'}"


def _minutes(match: re.Match[str]) -> str:
    degrees = re.search(r"\d+$", match.string[: match.start()])
    one = degrees is not None and degrees[0] == "1"
    said = f" degree{'' if one else 's'} {match[1]} minute{'' if match[1] == '1' else 's'}"
    return said + (f" {match[2]} second{'' if match[2] == '1' else 's'}" if match[2] else "")


def _road(match: re.Match[str]) -> str:
    """`Hwy 101 N`: the letter is a direction, no newton."""
    name, space, number, bearing = match.groups()
    way = f" {_BEARINGS[bearing].capitalize()}" if bearing else ""
    return f"{_ROADS.get(name, name)}{space}{number}{way}"


def _lap(match: re.Match[str], say: Numbers) -> str:
    """A time with parts of a second is a length of time."""
    minutes = unit(say.cardinal(match[1]), "minute" if match[1] == "1" else "minutes")
    return unit(minutes, say.number(match[2].removeprefix("0")), "seconds")


def _subsection(written: str, say: Numbers) -> str:
    """Letters follow at once, numbers after a comma: `2(2)` is not 22."""
    said = ""
    for part in _BRACKETED.findall(written):
        if part.isdigit():
            said += f", {say.cardinal(part)}"
        else:
            said += NO_BREAK + (part.upper() if len(part) == 1 else part)
    return said
