"""Abbreviations, initialisms, addresses and signs, as the words in which they are said."""

from __future__ import annotations

import re

from pipelines.english.number_words import cardinal, ordinal, unit

_TITLES = {
    "Dr": "Doctor",
    "Mr": "Mister",
    "Mrs": "Missis",
    "Ms": "Ms",
    "Prof": "Professor",
    "Rev": "Reverend",
    "Hon": "Honourable",
    "Gen": "General",
    "Col": "Colonel",
    "Maj": "Major",
    "Capt": "Captain",
    "Lt": "Lieutenant",
    "Sgt": "Sergeant",
    "Cpl": "Corporal",
    "Gov": "Governor",
    "Sen": "Senator",
    "Rep": "Representative",
    "Pres": "President",
    "Mt": "Mount",
    "Ft": "Fort",
    "St": "Saint",
}
"""Said with the name that follows; their full stop never ends a sentence."""

_SHORT_FORMS = {
    "e.g.": "for example",
    "i.e.": "that is",
    "a.k.a.": "also known as",
    "w.r.t.": "with respect to",
    "et al.": "et al",
    "etc.": "et cetera",
    "vs.": "versus",
    "cf.": "compare",
    "ca.": "circa",
    "approx.": "approximately",
    "appt.": "appointment",
    "dept.": "department",
    "est.": "established",
    "ext.": "extension",
    "incl.": "including",
    "misc.": "miscellaneous",
    "tel.": "telephone",
    "Jr.": "Junior",
    "Sr.": "Senior",
    "Inc.": "Incorporated",
    "Ltd.": "Limited",
    "Corp.": "Corporation",
    "Co.": "Company",
    "Bros.": "Brothers",
    "Ave.": "Avenue",
    "Blvd.": "Boulevard",
    "Rd.": "Road",
    "Ph.D.": "PhD",
    "a.m.": "AM",
    "p.m.": "PM",
    "A.M.": "AM",
    "P.M.": "PM",
}
"""Their full stop may also end the sentence: see `_stop`."""

_SHORT_FORMS |= {
    form.capitalize(): said.capitalize() for form, said in _SHORT_FORMS.items() if form.islower()
}

_BEFORE_NUMBER = {
    "No": "number",
    "Nos": "numbers",
    "Fig": "figure",
    "fig": "figure",
    "Vol": "volume",
    "vol": "volume",
    "Ch": "chapter",
    "ch": "chapter",
    "pp": "pages",
    "p": "page",
}

_STARTER = (
    "A|After|All|Although|An|And|As|At|Because|Before|But|By|Did|Do|Does|For|From|He|Her|His|"
    "How|However|I|If|In|Is|It|Its|Let|My|No|Now|On|Once|Our|Perhaps|She|So|Some|That|The|"
    "Their|Then|There|These|They|This|Those|To|We|Well|What|When|Where|Which|While|Who|Why|"
    "Will|With|Yes|You|Your"
)
"""Capitalised words that start a new sentence after an abbreviation, rather than being a name."""

_RULER = (
    "Alexander|Benedict|Catherine|Charles|Edward|Elizabeth|Francis|Frederick|George|Gregory|"
    "Henry|James|John|Leo|Louis|Napoleon|Nicholas|Paul|Peter|Philip|Pius|Ramesses|Richard|"
    "William"
)

_SYMBOL_NAMES = {
    "&": "and",
    "@": "at",
    "%": "percent",
    "+": "plus",
    "=": "equals",
    "×": "times",
    "÷": "divided by",
    "<": "is less than",
    ">": "is greater than",
    "≤": "is at most",
    "≥": "is at least",
    "≠": "is not",
    "≈": "is about",
    "±": "plus or minus",
    "°": "degrees",
    "©": "copyright",
    "®": "registered",
    "§": "section",
    "/": "slash",
    "\\": "backslash",
    "$": "dollar",
    "£": "pound",
    "€": "euro",
    "¥": "yen",
}
_ADDRESS_NAMES = {
    ".": "dot",
    "@": "at",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    "+": "plus",
    "~": "tilde",
    ",": "comma",
    ";": "semicolon",
}

_TLD = "com|org|net|edu|gov|mil|int|info|io|ai|app|dev|co|uk|eu|us|de|fr|me|tv"
_HOST = rf"(?:[A-Za-z0-9-]+\.)+(?:{_TLD})\b(?!\.\w)"
_ADDRESS = re.compile(
    r"\b(?:https?|ftp)://(?P<any>[^\s<>()\"“”]*[\w/])"
    rf"|(?<![\w.@/-])(?P<bare>(?:[\w.+-]+@)?{_HOST}(?:[/?#][^\s<>()\"“”]*[\w/])?)"
)
_ADDRESS_PART = re.compile(r"[^\W_]+|.")


def _either(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_TITLE = re.compile(rf"\b({_either(_TITLES)})\.(?=\s\w)")
_STREET = re.compile(
    rf"\b([A-Z][a-z]+|\d+(?:st|nd|rd|th))\sSt\.?(?=\s[a-z]|\s(?:{_STARTER})\b|[,;:!?]|\s*$)"
)
_SHORT_FORM = re.compile(rf"(?<![\w.])({_either(_SHORT_FORMS)})(?!\w)")
_NUMBERED = re.compile(rf"\b({_either(_BEFORE_NUMBER)})\.\s?(?=\d)|#\s?(?=\d)")
_SMALL_NUMBERED = re.compile(r"\bno\.(?:(?=\d)|\s(?=\d+(?:[.,;:!?)\"'](?!\d)|$)))")
"""`no. 5` ends a sentence that answers no where the number has words behind it."""
_INITIALISM = re.compile(r"\b((?:[A-Za-z]\.){2,})(?!\w)")
_INITIAL = re.compile(r"(?<![a-z] )\b([A-Z])\.(?=\s[A-Z](?:\.|[a-z]))(?!\s(?:" + _STARTER + r")\b)")
_ROMAN = re.compile(r"\b([A-Z][a-z]+)\s(?=[IVX]{2})(X{0,3})(IX|IV|V?I{0,3})\b(?!['-]?\w)")
_SHOUT = re.compile(r"(?:\b[A-Z][A-Z']*\b[ .!?]{1,3}){3,}[A-Z']+\b")
_PER = re.compile(r"\s?/\s?(?=(?:year|month|week|day|night|hour|minute|person|kg|km|mile)s?\b)")
_SILENT_SLASH = re.compile(r"(?<=\b[Aa]nd)/(?=or\b)|(?<=[A-Z])/(?=[A-Z])")
_POWER = re.compile(r"\^\s?(?=[\w-])")
_SIGNS = re.compile(rf"[{re.escape(''.join(_SYMBOL_NAMES))}]")
_SHARP = re.compile(r"\b([A-G])#(?!\w)")
_HASHTAG = re.compile(r"#(?=[^\W\d])")


def say_addresses(text: str) -> str:
    """URLs and e-mail addresses: `me@x.org` as `me at x dot org`."""
    return _ADDRESS.sub(lambda m: f" {_address(m['any'] or m['bare'])} ", text)


def say_abbreviations(text: str) -> str:
    """Titles, short forms, initialisms, initials and Roman numerals."""
    text = _SHOUT.sub(lambda m: m[0].lower(), text)
    text = _STREET.sub(_street, text)
    text = _TITLE.sub(lambda m: _TITLES[m[1]], text)
    text = _NUMBERED.sub(lambda m: _BEFORE_NUMBER.get(m[1] or "", "number") + " ", text)
    text = _SMALL_NUMBERED.sub("number ", text)
    text = _SHORT_FORM.sub(lambda m: _SHORT_FORMS[m[1]] + _stop(m), text)
    text = _INITIALISM.sub(lambda m: m[1].replace(".", "").upper() + _stop(m), text)
    text = _INITIAL.sub(r"\1", text)
    return _ROMAN.sub(_roman, text)


def say_symbols(text: str) -> str:
    """Signs that are said, by name; the rest of them are left to the caller."""
    text = _SILENT_SLASH.sub(" ", _PER.sub(" per ", text))
    text = _POWER.sub(" to the power of ", text)
    text = _SHARP.sub(r"\1 sharp", text)
    text = _HASHTAG.sub("hashtag ", text)
    return _SIGNS.sub(lambda m: f" {_SYMBOL_NAMES[m[0]]} ", text)


def _address(written: str) -> str:
    written = written.rstrip("/")
    return " ".join(_ADDRESS_NAMES.get(part, part) for part in _ADDRESS_PART.findall(written))


def _street(match: re.Match[str]) -> str:
    return f"{match[1]} Street" + (_stop(match) if match[0].endswith(".") else "")


def _stop(match: re.Match[str]) -> str:
    """The full stop that also ends the sentence, when there is one after this abbreviation."""
    rest = match.string[match.end() : match.end() + 40].lstrip("\"”'")
    if not rest.strip():
        return "."
    return "." if re.match(rf"\s+(?:{_STARTER})\b", rest) else ""


def _roman(match: re.Match[str]) -> str:
    value = 10 * len(match[2]) + {"": 0, "IX": 9, "IV": 4}.get(
        match[3], 5 * match[3].count("V") + match[3].count("I")
    )
    spoken = cardinal(str(value))
    if re.fullmatch(_RULER, match[1]):
        spoken = unit("the", ordinal(str(value)))
    return f"{match[1]} {spoken}"
