"""Roman numerals, as the words in which they are said."""

from __future__ import annotations

import re

from pipelines.english.number_words import Numbers, unit

_VALUES = {"M": 1000, "D": 500, "C": 100, "L": 50, "X": 10, "V": 5, "I": 1}
_NUMERAL = r"(?=[MDCLXVI])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_RULERS = (
    "Alexander|Alfonso|Baldwin|Benedict|Boniface|Catherine|Charles|Christian|Clement|Constantine|"
    "Darius|David|Edward|Elizabeth|Ferdinand|Francis|Frederick|George|Gregory|Gustav|Harald|Haakon|"
    "Henry|Innocent|Isabella|Ivan|James|John|John Paul|Juan Carlos|Leo|Leopold|Louis|Malcolm|"
    "Margaret|Mary|Maximilian|Mehmed|Napoleon|Nicholas|Olaf|Otto|Paul|Pedro|Peter|Philip|Pius|"
    "Ramesses|Richard|Robert|Rudolf|Sixtus|Stephen|Suleiman|Thutmose|Urban|Victor|Wilhelm|William|"
    "Xerxes|Zygmunt"
)
_REIGNS = (
    r"(?='s\b|[,;:.)!?]|\s*$|\sof\s[A-Z]|\sand\s(?:his|her|[A-Z])|\s(?:was|ruled|reigned|died|"
    r"became|succeeded|ascended|abdicated|married|inherited|had|issued|signed|is|who|in)\b)"
)
_THINGS = (
    "World War|War|Part|Act|Scene|Chapter|Volume|Book|Phase|Type|Section|Article|Title|Appendix|"
    "Level|Stage|Mark|Apollo|Saturn|Rocky|Rambo|Episode|Canto|Figure|Table|Unit|Lesson|Round|"
    "Group|Schedule|Tier|Division|Class|Grade|Category|Region|Annex|Exhibit|Module|Fantasy|Legion|"
    "Olympiad|Quest|Factor|Symphony|Sonata|Movement|Vatican|Bowl|OS|iPhone|Windows|Grand Prix|Path|"
    "No|number|part|chapter|act|scene|volume|phase|type|stage|section|book|article|page|pages|level"
)
_WORDS = re.compile(
    "I|V|X|L|C|D|M|MIX|DIM|MI|DI|LI|MM|CC|CD|DC|MD|MC|CV|CI|CM|DVI|DIV|LIV|CIV|XL|XXL|XXX|VI|"
    "IV|XI|CL|DL|ML|MV|DV|DX|CCC|MCC|MMC|MCI|CCI|DCI|MCM|DCC|MDI|MCV|DM|MDL"
)
"""Numerals that are also words, sizes or initialisms: numbers only behind a word that says so."""

_SUBJECT = re.compile(r"(?:^|[.;:!?\n(]\s*|\b(?:and|under|by|of|that|after|before)\s)$")
"""What stands before a ruler; after other words `I` is the speaker: `I saw James I was late`."""
_POINTED = re.compile(r"\b(?:[Tt]his|[Tt]hat|[Tt]he|[Ee]ach|[Ee]very|[Mm]y|[Oo]ur)\s$")
_RULER = re.compile(rf"\b({_RULERS})\s({_NUMERAL})(?=\b(?!-))(?:(?<=[A-Z][A-Z])|{_REIGNS})(?![\w])")
_TITLED = re.compile(
    rf"\b((?:King|Queen|Pope|Emperor|Tsar|Czar|Kaiser|Sultan|Prince|Saint)\s[A-Z][a-z]+)\s"
    rf"({_NUMERAL})(?![\w-])"
)
_THING = re.compile(rf"\b({_THINGS})(\.?\s)({_NUMERAL})(?=(?:[-–]{_NUMERAL})?(?![\w'-]|\s?&))")
_CENTURY = re.compile(
    rf"\b({_NUMERAL})(?:(\s?[-–]\s?|\s(?:and|to|or)(?:\sthe)?\s)({_NUMERAL}))?(?:th|st|nd|rd)?"
    rf"(?=[\s-](?:century|centuries|Century|Centuries|Olympiad)\b)"
)
_NAMED = re.compile(rf"\b([A-Z][a-z]+)\s((?=[IVXLCDM]{{2}}){_NUMERAL})\b(?!['’-]?\w)")
_SERIES = re.compile(
    rf"\b(?:{_NUMERAL}),(?:\s(?:{_NUMERAL}),)*\s(?:{_NUMERAL})?,?\s?(?:and|or|&)\s(?:{_NUMERAL})\b"
)
_ALONE = re.compile(rf"(?<![\w.&'-])((?=[IVXLCDM]{{2}}){_NUMERAL})(?![\w&'$£¥-]|\.[A-Za-z])")
_LIST_MARK = re.compile(rf"(?m)^(\s*)((?=[IVX]{{1,5}}){_NUMERAL})(?=\.\s+[A-Z])")
_BRACKETED = re.compile(r"\((i{2,3}|iv|vi{1,3}|ix|xi{1,3}|xiv|xvi{0,3})\)")
_SMALL = re.compile(
    r"\b([Aa]ct|[Ss]cene|[Cc]hapter|[Pp]art|[Bb]ook|[Vv]olume|[Cc]anto|[Ss]ection|[Aa]ppendix|[Pp]hase)"
    r"\s(?!mix\b)((?=[ivx]{2})[ivx]+|v|x)\b"
)
_PAGES = re.compile(r"\b(pages?|pp?\.)\s([ivxlc]+)(?:\s?[-–]\s?([ivxlc]+))?\b")
_PAGE = {"p.": "page", "pp.": "pages"}
_ARTICLES = frozenset(["The", "An", "This", "That", "His", "Her", "Our", "My", "Your", "No"])
_FULL = re.compile(_NUMERAL)
_NAMED_BY_LETTER = frozenset(["Malcolm", "Vitamin", "Plan", "Hepatitis", "Model", "Generation"])
_FIRST_YEAR, _LAST_YEAR = 1000, 2100


def say_roman_numerals(text: str, say: Numbers) -> str:
    """`Henry VIII` is `Henry the eighth`, `Part IV` `Part four`."""
    text = _CENTURY.sub(lambda m: _century(m, say), text)
    text = _LIST_MARK.sub(lambda m: m[1] + _cardinal(m[2], say), text)
    text = _TITLED.sub(lambda m: f"{m[1]} {_ordinal(m[2], say)}", text)
    text = _RULER.sub(lambda m: _ruler(m, say), text)
    text = _THING.sub(lambda m: _thing(m, say), text)
    text = _NAMED.sub(lambda m: _named(m, say), text)
    text = _SERIES.sub(lambda m: _series(m, say), text)
    text = _BRACKETED.sub(lambda m: f"({_cardinal(m[1].upper(), say)})", text)
    text = _SMALL.sub(lambda m: _small(m, say), text)
    text = _PAGES.sub(lambda m: _pages(m, say), text)
    return _ALONE.sub(lambda m: m[0] if _WORDS.fullmatch(m[1]) else _cardinal(m[1], say), text)


def _value(numeral: str) -> int:
    values = [_VALUES[letter] for letter in numeral]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


def _cardinal(numeral: str, say: Numbers) -> str:
    value = _value(numeral)
    year = numeral[0] == "M" and _FIRST_YEAR < value < _LAST_YEAR
    return say.year(str(value)) if year else say.cardinal(str(value))


def _ordinal(numeral: str, say: Numbers) -> str:
    return unit("the", say.ordinal(str(_value(numeral))))


def _ruler(match: re.Match[str], say: Numbers) -> str:
    verb = match.string[match.end() : match.end() + 2].strip()
    if match[2] == "I" and verb.isalpha() and not _SUBJECT.search(match.string, 0, match.start()):
        return match[0]
    if match[1] in _NAMED_BY_LETTER and len(match[2]) == 1 and match[2] != "I":
        return match[0]
    return f"{match[1]} {_ordinal(match[2], say)}"


def _thing(match: re.Match[str], say: Numbers) -> str:
    """`in this chapter I describe`: there `I` is the speaker."""
    following = match.string[match.end() : match.end() + 2]
    if match[3] == "I" and following[:1] == " " and following[1:].islower():
        before = match.string[: match.start()]
        if match[1].islower() or _POINTED.search(before):
            return match[0]
    return f"{match[1]}{match[2].replace('.', '')}{_cardinal(match[3], say)}"


def _named(match: re.Match[str], say: Numbers) -> str:
    common = match[1] in _ARTICLES or match[2] not in ("IV", "VI", "XI", "XXX")
    if _WORDS.fullmatch(match[2]) and common:
        return match[0]
    return f"{match[1]} {_cardinal(match[2], say)}"


def _century(match: re.Match[str], say: Numbers) -> str:
    first = say.ordinal(str(_value(match[1])))
    if not match[3]:
        return first
    between = match[2].strip()
    return f"{first} {'to' if between in '-–' else between} {say.ordinal(str(_value(match[3])))}"


def _series(match: re.Match[str], say: Numbers) -> str:
    """Several numerals in a row are numbers, even those that are words on their own."""
    numerals = re.findall(r"\b[IVXLCDM]+\b", match[0])
    if not any(len(numeral) > 1 and not _WORDS.fullmatch(numeral) for numeral in numerals):
        return match[0]
    return re.sub(r"\b[IVXLCDM]+\b", lambda m: _cardinal(m[0], say), match[0])


def _small(match: re.Match[str], say: Numbers) -> str:
    numeral = match[2].upper()
    return f"{match[1]} {_cardinal(numeral, say)}" if _FULL.fullmatch(numeral) else match[0]


def _pages(match: re.Match[str], say: Numbers) -> str:
    first, last = match[2].upper(), (match[3] or "").upper()
    if not _FULL.fullmatch(first) or (last and not _FULL.fullmatch(last)):
        return match[0]
    words = [_PAGE.get(match[1], match[1]), _cardinal(first, say)]
    return " ".join([*words, "to", _cardinal(last, say)] if last else words)
