"""Abbreviations and initialisms, as the words in which they are said."""

from __future__ import annotations

import re

from pipelines.english.characters import NO_BREAK
from pipelines.english.number_words import either

_TITLES = {
    "Dr": "Doctor",
    "Drs": "Doctors",
    "Mr": "Mister",
    "Mrs": "Missis",
    "Ms": "Ms",
    "Messrs": "Messieurs",
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
    "Pvt": "Private",
    "Pfc": "Private First Class",
    "Adm": "Admiral",
    "Cmdr": "Commander",
    "Brig": "Brigadier",
    "Supt": "Superintendent",
    "Insp": "Inspector",
    "Fr": "Father",
    "Gov": "Governor",
    "Sen": "Senator",
    "Rep": "Representative",
    "Pres": "President",
    "Wm": "William",
    "Chas": "Charles",
    "Thos": "Thomas",
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
    "viz.": "namely",
    "approx.": "approximately",
    "appt.": "appointment",
    "asst.": "assistant",
    "assn.": "association",
    "attn.": "attention",
    "avg.": "average",
    "bldg.": "building",
    "cont.": "continued",
    "dept.": "department",
    "dist.": "district",
    "div.": "division",
    "est.": "established",
    "ext.": "extension",
    "govt.": "government",
    "incl.": "including",
    "intl.": "international",
    "max.": "maximum",
    "mgr.": "manager",
    "misc.": "miscellaneous",
    "natl.": "national",
    "orig.": "originally",
    "pkg.": "package",
    "qty.": "quantity",
    "tel.": "telephone",
    "temp.": "temperature",
    "univ.": "university",
    "p.a.": "per annum",
    "Esq.": "Esquire",
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
    "Ln.": "Lane",
    "Hwy.": "Highway",
    "Pkwy.": "Parkway",
    "Jan.": "January",
    "Feb.": "February",
    "Mar.": "March",
    "Apr.": "April",
    "Aug.": "August",
    "Sept.": "September",
    "Oct.": "October",
    "Nov.": "November",
    "Dec.": "December",
    "B.Sc.": "BSc",
    "M.Sc.": "MSc",
    "M.Phil.": "M Phil",
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
    **{"No": "number", "Nos": "numbers", "Fig": "figure", "Figs": "figures", "Vol": "volume"},
    **{
        "Vols": "volumes",
        "Ch": "chapter",
        "Chap": "chapter",
        "Eq": "equation",
        "Eqs": "equations",
        "Eqn": "equation",
        "eqn": "equation",
        "Eqns": "equations",
    },
    **{"Sec": "section", "Secs": "sections", "Op": "opus", "Apt": "apartment", "Rm": "room"},
    **{"Ste": "suite", "Fl": "floor", "Bldg": "building", "Hwy": "highway", "Rte": "route"},
    **{"Art": "article", "Arts": "articles", "Para": "paragraph", "Pt": "part", "Tab": "table"},
    **{"Ref": "reference", "Min": "minimum", "min": "minimum", "ver": "version", "Ver": "version"},
    **{"Ext": "extension", "Ed": "edition", "Ep": "episode", "Bk": "book", "Pg": "page"},
    **{"pp": "pages", "p": "page", "pg": "page", "pgs": "pages", "ll": "lines", "c": "circa"},
    **{"fl": "flourished", "sect": "section", "art": "article"},
    **{"vv": "verses", "cl": "clause", "s": "section", "ss": "sections"},
}
_BEFORE_NUMBER |= {
    form.lower(): said
    for form, said in _BEFORE_NUMBER.items()
    if form in ("Fig", "Figs", "Vol", "Vols", "Ch", "Chap", "Eq", "Eqs", "Sec", "Op", "Para", "Apt")
}

_STREETS = {
    **{"St": "Street", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Ln": "Lane"},
    **{"Dr": "Drive", "Ct": "Court", "Pl": "Place", "Sq": "Square", "Hwy": "Highway"},
    **{"Pkwy": "Parkway", "Ter": "Terrace", "Cir": "Circle", "Expy": "Expressway"},
}
_NO_STREET_NAME = (
    "The|Dear|Hello|Hi|Thanks|Thank|My|Good|Sir|Yes|No|And|But|So|Then|When|Is|Was|Our|Your|His|Her|"
    "Saint|Mount|Fort|Doctor|Mister|Missis"
)

_STARTER = (
    "A|After|All|Although|An|And|As|At|Because|Before|But|By|Did|Do|Does|For|From|He|Her|His|"
    "How|However|I|If|In|Is|It|Its|Let|My|No|Now|On|Once|Our|Perhaps|She|So|Some|That|The|"
    "Their|Then|There|These|They|This|Those|To|We|Well|What|When|Where|Which|While|Who|Why|"
    "Will|With|Yes|You|Your"
)
"""Capitalised words that start a new sentence after an abbreviation, rather than being a name."""

_TITLE = re.compile(rf"\b({either(_TITLES)})\.\s(?=\w|&)")
_BARE_TITLE = re.compile(
    r"\b(Dr|Drs|Mr|Mrs|Messrs|Prof|Capt|Lt|Sgt|Col|Gen|Sen|Gov|Rev|Mt|Ft|St)\s(?=[A-Z][a-z])"
)
_STREET = re.compile(
    rf"\b(?!(?:{_NO_STREET_NAME})\b)([A-Z][a-z]+(?:'s)?|\d+(?:st|nd|rd|th))\s({either(_STREETS)})\b"
    rf"(?:\.|(?!'))(?=\s[a-z\d&(]|\s(?:{_STARTER})\b|[,;:!?)]|\s*$|\s(?:NW|NE|SW|SE|N|S|E|W)\b)"
)
_ADDRESS = re.compile(
    rf"(?<=\d )(?!(?:{_NO_STREET_NAME})\b)([A-Z][a-z]+)\s({either(_STREETS)})\.(?=\s[A-Z])"
)
"""With the number of a house a street ends the sentence, whatever word comes next."""
_STATES = {
    **{"Ala": "Alabama", "Ariz": "Arizona", "Ark": "Arkansas", "Calif": "California"},
    **{"Colo": "Colorado", "Conn": "Connecticut", "Del": "Delaware", "Fla": "Florida"},
    **{"Ga": "Georgia", "Ill": "Illinois", "Ind": "Indiana", "Kan": "Kansas", "Ky": "Kentucky"},
    **{"La": "Louisiana", "Md": "Maryland", "Mass": "Massachusetts", "Mich": "Michigan"},
    **{"Minn": "Minnesota", "Miss": "Mississippi", "Mo": "Missouri", "Mont": "Montana"},
    **{"Neb": "Nebraska", "Nev": "Nevada", "Okla": "Oklahoma", "Ore": "Oregon"},
    **{"Pa": "Pennsylvania", "Tenn": "Tennessee", "Tex": "Texas", "Vt": "Vermont"},
    **{"Va": "Virginia", "Wash": "Washington", "Wis": "Wisconsin", "Wyo": "Wyoming"},
    **{"N.C": "North Carolina", "N.D": "North Dakota", "N.H": "New Hampshire"},
    **{"N.J": "New Jersey", "N.M": "New Mexico", "N.Y": "New York", "R.I": "Rhode Island"},
    **{"S.C": "South Carolina", "S.D": "South Dakota", "W.Va": "West Virginia"},
    "W. Va": "West Virginia",
}
_STATE = re.compile(rf"(?<=[a-z],\s)({either(_STATES)})\.(?!\w)|\b(W\.\s?Va|Calif|Ariz)\.")
_SHORT_FORM = re.compile(rf"(?<![\w.])({either(_SHORT_FORMS)})(?!\w)")
_NUMBERED = re.compile(
    rf"\b({either(_BEFORE_NUMBER)})(?<!\d\smin)\.\s?(?=\(?\d|[A-Z]?\d|[IVX]+\b)|#\s?(?=\d)"
)
_LIFE = re.compile(r"\b([bd])\.\s(?=\d{4}\b)")
_LIVES = {"b": "born ", "d": "died "}
_CASE = re.compile(r"(?<=[A-Za-z.])\sv\.?\s(?=[A-Z])|(?<!\w)vs\.?\s(?=\w)")
_SMALL_NUMBERED = re.compile(r"\bno\.(?:(?=\d)|\s(?=\d+(?:[.,;:!?)\"'](?!\d)|\s?\(|$)))")
"""`no. 5` ends a sentence that answers no where the number has words behind it."""
_INITIALISM = re.compile(r"\b((?:[A-Za-z]\.){2,})(?!\w)")
_INITIAL = re.compile(r"(?<![a-z] )\b([A-Z])\.(?=\s[A-Z](?:\.|[a-z]))(?!\s(?:" + _STARTER + r")\b)")
_LETTERED = (
    "Vitamin|Plan|Hepatitis|Type|Grade|Group|Class|Figure|Part|Section|Exhibit|Gate|Team|Size|Block|"
    "Option|Appendix|Room|Unit|Level|Schedule|Table|Division|Category|Series|Pool|Building"
)
_NAME_INITIAL = re.compile(
    rf"(\b(?!(?:{_LETTERED})\b)[A-Z][a-z]+\s|\b(?:by|and|with|to|from|for|met|of|&)\s|\b[A-Z]\s)([A-Z])\."
    rf"(?=\s[A-Z](?:\.|[a-z]))(?!\s(?:{_STARTER})\b)"
)
"""`George W. Bush`, `by J. Smith`; but a sentence may end with `vitamin C.`"""
_HALF_OF_DAY = re.compile(r"(?<=\d)(?=[ap]\.\s?m\b)", re.I)
_SHOUT = re.compile(r"(?:\b[A-Z][A-Z']*\b[ .!?]{1,3}){3,}[A-Z']+\b")
_NO_SHOUT = re.compile(r"[IVXLCDM .!?]+|(?:[A-Z][ .!?]{1,3})+[A-Z]")


def say_abbreviations(text: str) -> str:
    """Titles, short forms, initialisms and initials."""
    text = _HALF_OF_DAY.sub(" ", text)
    text = _SHOUT.sub(lambda m: m[0] if _NO_SHOUT.fullmatch(m[0]) else m[0].lower(), text)
    text = _STREET.sub(_street, text)
    text = _ADDRESS.sub(lambda m: f"{m[1]} {_STREETS[m[2]]}.", text)
    text = _BARE_TITLE.sub(lambda m: _TITLES[m[1]] + NO_BREAK, text)
    text = _TITLE.sub(_title, text)
    text = _NUMBERED.sub(lambda m: _BEFORE_NUMBER.get(m[1] or "", "number") + " ", text)
    text = _SMALL_NUMBERED.sub("number ", text)
    text = _LIFE.sub(lambda m: _LIVES[m[1]], text)
    text = _CASE.sub(" versus ", text)
    text = _STATE.sub(lambda m: _STATES[m[1] or m[2]] + _stop(m), text)
    text = _SHORT_FORM.sub(lambda m: _SHORT_FORMS[m[1]] + _stop(m), text)
    text = _INITIALISM.sub(lambda m: m[1].replace(".", "").upper() + _stop(m), text)
    text = _NAME_INITIAL.sub(r"\1\2", _NAME_INITIAL.sub(r"\1\2", text))
    return _INITIAL.sub(r"\1", text)


def _title(match: re.Match[str]) -> str:
    """A title and its name stay together."""
    before_name = match.string[match.end()] != "&"
    return _TITLES[match[1]] + (NO_BREAK if before_name else " ")


def _street(match: re.Match[str]) -> str:
    return f"{match[1]} {_STREETS[match[2]]}" + (_stop(match) if match[0].endswith(".") else "")


def _stop(match: re.Match[str]) -> str:
    """The full stop that also ends the sentence, when there is one after this abbreviation."""
    rest = match.string[match.end() : match.end() + 40].lstrip("\"”'")
    if not rest.strip():
        return "."
    return "." if re.match(rf"\s+(?:{_STARTER})\b", rest) else ""
