"""Numbers that name a thing instead of counting: telephones, rooms, flights, codes, verses."""

from __future__ import annotations

import re

from pipelines.english.attributive import COUNTED
from pipelines.english.number_words import Numbers, digits, unit

_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+\d{1,3}(?:[ -]?\(?\d{1,4}\)?){2,5}"
    r"|(?:\(\d{3}\)\s?|\d{3}[-.])?\d{3}[-.]\d{4}"
    r"|0\d{2,4}(?:[ -]\d{3,4}){2}|0\d{4}[ -]\d{5,6}"
    r"|\d{5}-\d{4}|\d+(?:-\d+){2,})(?![\w-])"
)
_CARD = re.compile(r"(?<![\w.,/-])\d{4}(?:[ -]\d{4}){3}(?![\w-]|[.,]\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: [A-Z\d]{4}){3,7}(?: [A-Z\d]{1,3})?(?![\w-])")
_VANITY = re.compile(r"(?<![\w-])((?:1-)?\d{3})((?:-[A-Z]*\d*[A-Z]{2,}\d*)+)(?![\w-])")
_DOTTED = re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}(?::(\d{1,5})(?![\w:.]))?")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3}){2,}")
_LARGEST_BYTE = 255
_EMERGENCY = re.compile(
    r"(?i:\b(?:call|dial|ring|phone|text|rang)(?:s|ed|led|ing|ling)?\b[^.!?\n]{0,40}?)"
    r"(?<![\w.,$£€/-])(?P<number>\d{3}(?:\s(?:or|and)\s\d{3})*)(?![\w%]|[-.,/:]\d|\s\d)"
)
_THREE = re.compile(r"\d{3}")
_NOT_CALLED = re.compile(rf"\s(?:{COUNTED})\b")
_NINE_ONE_ONE = re.compile(
    r"(?<![\w.,$£€/-])(?<!Porsche )(?<!Carrera )911(?![\w%]|[-.,/:]\d|\s(?:[a-z]+s|people)\b)"
)
_NAMED = re.compile(
    r"\b(Room|Rooms|RFC|Flight|Boeing|Airbus|Airbus A|Route|Highway|highway|Interstate|Bus|Suite|"
    r"Apartment|Studio|Gate|Model|Peugeot|BMW|Porsche|Psalm|Platform|Building|room|flight|route|apartment|"
    r"suite|Channel|Hotel|Locker|Unit|I-|A(?=3\d0\b)|M-)"
    r"\s?(\d{3,4})(?:-(\d{3}))?(?![\w.,:/-]\d|\w|%)"
    r"|(?<![\w.,$£€/-])()(7[0-8]7)-([1-9]00|[89]|10)(?![\w-]|[.,]\d)"
)
_STREET_NUMBER = re.compile(
    r"(?<![\w.,$£€/-])(\d{3,4})(?=\s(?:[NSEW]\.?\s)?(?:[A-Z][a-z]+\s){1,2}"
    r"(?:Street|Avenue|Road|Boulevard|Lane|Drive|Way|Court|Place|Square|Parkway|Terrace)\b)"
)
_POSTAL = re.compile(
    r"\b((?i:zip)(?:\s?[Cc]ode)?(?:\s(?:is|was))?:?\s|[A-Z]{2},?\s)(\d{5})(?:-(\d{4}))?(?![\w,.-]\d|\w)"
)
_SECRET = re.compile(
    r"\b((?i:pin|passcode|password|otp|verification code|access code|security code|door code|"
    r"reference|extension|account(?: number)?|serial number|order number|code)"
    r"(?:\s(?:is|was|number))?:?\s)(\d{3,12})(?![\w,.:/-]\d|\w|%)"
)
_PICTURE = re.compile(r"(?<![\w.])(480|576|720|1080|1440|2160|4320)([pi])\b")
_BOOKS = (
    "Genesis|Exodus|Leviticus|Numbers|Deuteronomy|Joshua|Judges|Ruth|Samuel|Kings|Chronicles|Ezra|"
    "Nehemiah|Esther|Job|Psalms?|Proverbs|Ecclesiastes|Isaiah|Jeremiah|Lamentations|Ezekiel|Daniel|"
    "Hosea|Joel|Amos|Obadiah|Jonah|Micah|Nahum|Habakkuk|Zephaniah|Haggai|Zechariah|Malachi|Matthew|"
    "Mark|Luke|John|Acts|Romans|Corinthians|Galatians|Ephesians|Philippians|Colossians|"
    "Thessalonians|Timothy|Titus|Philemon|Hebrews|James|Peter|Jude|Revelation|Quran|Surah|Sura"
)
_VERSE = re.compile(
    rf"\b(?:([123])\s)?({_BOOKS})\s(\d{{1,3}}):(\d{{1,3}})(?:\s?[-–]\s?(\d{{1,3}}))?(?![\w:]|[.,]\d)"
)
_SHORT_BOOKS = {
    **{"Gen": "Genesis", "Exod": "Exodus", "Ex": "Exodus", "Lev": "Leviticus", "Num": "Numbers"},
    **{"Deut": "Deuteronomy", "Josh": "Joshua", "Judg": "Judges", "Sam": "Samuel", "Kgs": "Kings"},
    **{"Chron": "Chronicles", "Chr": "Chronicles", "Neh": "Nehemiah", "Ps": "Psalm"},
    **{"Pss": "Psalms", "Prov": "Proverbs", "Eccl": "Ecclesiastes", "Isa": "Isaiah"},
    **{"Jer": "Jeremiah", "Lam": "Lamentations", "Ezek": "Ezekiel", "Dan": "Daniel"},
    **{"Hos": "Hosea", "Mic": "Micah", "Zech": "Zechariah", "Mal": "Malachi", "Matt": "Matthew"},
    **{"Mt": "Matthew", "Mk": "Mark", "Lk": "Luke", "Jn": "John", "Rom": "Romans"},
    **{"Cor": "Corinthians", "Gal": "Galatians", "Eph": "Ephesians", "Phil": "Philippians"},
    **{"Col": "Colossians", "Thess": "Thessalonians", "Tim": "Timothy", "Heb": "Hebrews"},
    **{"Jas": "James", "Pet": "Peter", "Rev": "Revelation"},
}
_SHORT_BOOK = re.compile(rf"\b({'|'.join(_SHORT_BOOKS)})\.?\s(?=\d{{1,3}}:\d)")
_BOOK_ORDER = {"1": "First", "2": "Second", "3": "Third"}
_TOLL_FREE = re.compile("[89]00")


def say_books(text: str) -> str:
    """`1 Cor. 13:4` with the name of the book, whose short form may be a title elsewhere."""
    return _SHORT_BOOK.sub(lambda m: f"{_SHORT_BOOKS[m[1]]} ", text)


def say_codes(text: str, say: Numbers) -> str:
    """Numbers that are names, digit by digit or in pairs, as their kind is said."""
    text = _VERSE.sub(lambda m: _verse(m, say), text)
    text = _IBAN.sub(lambda m: _letters_and_digits(m[0]), text)
    text = _CARD.sub(lambda m: _groups(m[0]), text)
    text = _VANITY.sub(_vanity, text)
    text = _PHONE.sub(lambda m: _groups(m[0]), text)
    text = _DOTTED.sub(lambda m: _dotted(m, say), text)
    text = _POSTAL.sub(_postal, text)
    text = _SECRET.sub(lambda m: m[1] + digits(m[2]), text)
    text = _EMERGENCY.sub(_emergency, text)
    text = _NINE_ONE_ONE.sub(digits("911"), text)
    text = _PICTURE.sub(lambda m: f"{say.pairs(m[1])} {m[2].upper()}", text)
    text = _NAMED.sub(lambda m: _named(m, say), text)
    return _STREET_NUMBER.sub(lambda m: say.pairs(m[1]), text)


def _groups(written: str) -> str:
    """`555-0199` digit by digit, with a pause at each mark."""
    plus = "plus " if written.startswith("+") else ""
    groups = re.findall(r"\d+", written)
    toll_free = len(groups) > 2 and not plus
    return plus + ", ".join(
        unit(digits(group[0]), "hundred")
        if toll_free and place < 2 and _TOLL_FREE.fullmatch(group)
        else digits(group)
        for place, group in enumerate(groups)
    )


def _letters_and_digits(written: str) -> str:
    """Sign by sign, with a pause between groups."""
    groups = (
        unit(*(digits(sign) if sign.isdigit() else sign for sign in group))
        for group in written.split(" ")
    )
    return ", ".join(groups)


def _vanity(match: re.Match[str]) -> str:
    """`1-800-FLOWERS`: the word as a word."""
    numbers = match[1].split("-")
    said = [
        unit(digits(number[0]), "hundred") if _TOLL_FREE.fullmatch(number) else digits(number)
        for number in numbers
    ]
    return unit(*said, match[2].replace("-", " ").strip().lower())


def _dotted(match: re.Match[str], say: Numbers) -> str:
    """Thousands, or a version or an address, whose dots are said."""
    written = match[0].partition(":")[0]
    groups = written.split(".")
    address = len(groups) == 4 and all(int(group) <= _LARGEST_BYTE for group in groups)
    if _THOUSANDS.fullmatch(match[0]) and not address:
        return say.cardinal("".join(groups))
    words = [say.cardinal(groups[0])]
    for group in groups[1:]:
        words += ["dot" if address else "point", say.cardinal(group)]
    if match[1]:
        words += ["colon", say.pairs(match[1])]
    letter = match.string[match.start() - 1 : match.start()].isalpha()
    return (" " if letter else "") + unit(*words)


def _emergency(match: re.Match[str]) -> str:
    if _NOT_CALLED.match(match.string, match.end()):
        return match[0]
    return match[0][: match.start("number") - match.start()] + _THREE.sub(
        lambda m: digits(m[0]), match["number"]
    )


def _postal(match: re.Match[str]) -> str:
    more = f", {digits(match[3])}" if match[3] else ""
    return match[1] + digits(match[2]).replace(",", "") + more


def _named(match: re.Match[str], say: Numbers) -> str:
    name, number, more = match.group(1, 2, 3) if match[1] else match.group(4, 5, 6)
    space = "" if not name or name.endswith("-") else " "
    rest = f" {say.pairs(more)}" if more else ""
    return f"{name}{space}{say.pairs(number)}{rest}"


def _verse(match: re.Match[str], say: Numbers) -> str:
    order, book, chapter, verse, last = match.groups()
    name = f"{_BOOK_ORDER[order]} {book}" if order else book
    to = f" to {say.cardinal(last)}" if last else ""
    return unit(f"{name} {say.cardinal(chapter)} {say.cardinal(verse)}{to}")
