"""The course of a sound in time: what grows, nears, passes, starts, stops."""

from __future__ import annotations

import re
from enum import StrEnum


class Course(StrEnum):
    """One movement of a sound over the time that it has."""

    UP = "up"
    DOWN = "down"
    FADE_IN = "fade in"
    FADE_OUT = "fade out"
    NEARER = "nearer"
    AWAY = "away"
    PASSING = "passing"
    START = "start"
    STOP = "stop"
    TIDE = "tide"
    """Comes and goes."""
    FASTER = "faster"
    SLOWER = "slower"


_HOW = r"(?:(?:ever|gradually|slowly|steadily|progressively|suddenly|quickly|much|and|then) )*"
_BECOME = (
    rf"(?:{_HOW}(?:get|gets|getting|grow|grows|growing|become|becomes|becoming|turn|turns|turning|"
    rf"it gets|it becomes) {_HOW})"
)
_LOUD = r"(?:louder|stronger|heavier|more intense|more violent|fiercer|bigger)"
_QUIET = r"(?:quieter|softer|fainter|weaker|lighter|calmer|less intense|more quiet|gentler)"
_NEAR = r"(?:closer|nearer)"
_FAR = r"(?:further|farther|more distant)"
_BY_DEGREES = r"(?:gradually|progressively|steadily|increasingly|ever|slowly)[ -]"
_MOVE = (
    r"(?:com|mov|driv|walk|fly|fli|run|rid|rush|rac|sail|draw|gett|get|runn|swimm|speed|head|"
    r"go|roll|stroll|"
    r"gallop|disappear|vanish|zoom|swoop|whizz|cruis|march|pull|tear|trot|hurr|steam|motor|tak|"
    r"slip|"
    r"retreat|travel|drift)(?:e|es|s|ing|)"
)
_WHEN = (
    r"(?:,? (?:half ?way(?: through)?|in the middle|after (?:a while|a moment|"
    r"\w+ seconds?)))?"
)
_SUDDEN = r"(?: (?:suddenly|abruptly|again|completely|all at once|at once))*"
_LITTLE = r"(?:whisper|murmur|drizzle|trickle|patter|breeze|hush|sprinkle|simmer|shower)"
_GREAT = (
    r"(?:roar|scream|downpour|torrent|deluge|gale|storm|blast|inferno|flood|tempest|hurricane|"
    r"din|climax|peak|frenzy)"
)
_A = (
    r"(?:an? |the )?(?:(?:soft|gentle|light|mere|faint|mighty|full|heavy|raging|torrential|huge|"
    r"loud) )?"
)
_LOW = (
    rf"(?:{_A}{_LITTLE}|(?:very )?(?:quiet|soft|silence|silent|gentle|faint|nothing|low|weak|"
    r"light|barely audible)(?:ly)?)"
)
_MIGHTY = r"(?:thunderous|deafening|roaring|overwhelming|loud|heavy|strong|intense|violent)"
_HIGH = (
    rf"(?:{_A}{_GREAT}|(?:very |full )?(?:loud|heavy|strong|deafening|roaring|full|violent|intense|"
    r"volume|blast|force)(?:ly)?)"
)
_STRENGTH = r"(?:volume|loudness|intensity|strength)"

_PATTERNS: tuple[tuple[Course, bool, str], ...] = (
    (
        Course.TIDE,
        True,
        r"com(?:e|es|ing) and go(?:es|ing)?|(?:ris|swell)(?:e|es|s|ing)? and "
        r"(?:fall|fad|reced|ebb)(?:e|s|es|ing)?|fad(?:es|ing) in and out|"
        r"wax(?:es|ing) and wan(?:es|ing)|ebb(?:s|ing) and flow(?:s|ing)|on and off",
    ),
    (
        Course.FADE_IN,
        True,
        rf"{_HOW}fad(?:e|es|ing) (?:\w+ly )?(?:in|up)(?! to)(?: from (?:silence|nothing))?|"
        rf"fade-in|"
        rf"{_HOW}(?:emerg|appear)(?:es|s|ing)(?: (?:slowly|gradually))?(?: (?:from|"
        rf"out of) (?:the )?silence)?",
    ),
    (
        Course.DOWN,
        True,
        rf"{_BECOME}?(?:{_QUIET} and {_QUIET}|ever {_QUIET})|{_BY_DEGREES}(?:{_QUIET}|quiet|"
        rf"soft|faint|weak)|{_BECOME}(?:{_QUIET}|quiet|silent|faint|soft|light|calm|gentle)|"
        rf"(?:starts?|starting|begins?|beginning)? ?(?:from )?{_HIGH} to {_LOW}|(?:diminuendo|"
        rf"decrescendo)(?: of)?|"
        rf"{_HOW}(?:(?:wan|lessen|diminish|dwindl|decreas)(?:e|es|s|ing)|let(?:s|ting)? up|"
        rf"(?:tail|drop|peter)(?:s|ing|ping)? (?:off|out))|{_STRENGTH} (?:falling|decreasing|"
        r"dropping|going down|falls|decreases|drops|goes down)|"
        rf"{_HOW}(?:subsid(?:e|es|ing)|abat(?:e|es|ing)|eas(?:e|es|ing) off|calm(?:s|ing)? down|"
        rf"quiet(?:s|ing|ens) down|weaken(?:s|ing))|"
        rf"{_HOW}(?:decreas|drop|fall|sink)(?:es|s|ping|ing)(?: {_HOW})? ?(?:in )?(?:volume|"
        rf"loudness|intensity)",
    ),
    (
        Course.FADE_OUT,
        True,
        rf"{_HOW}fad(?:e|es|ing)(?: (?:\w+ly|out|away|off))*(?: (?:in)?to (?:silence|"
        rf"nothing))?(?! into the)|fade-out|"
        rf"{_HOW}(?:disappear|vanish)(?:s|es|ing)|{_HOW}(?:dies?|dying)(?: \w+ly)? (?:down|"
        rf"away|out|off|to (?:nothing|silence))|trail(?:s|ing) (?:off|away)|taper(?:s|ing) off|"
        rf"ebb(?:s|ing) away",
    ),
    (
        Course.UP,
        True,
        rf"{_BECOME}?(?:{_LOUD} and {_LOUD}|ever {_LOUD})|{_BECOME}{_MIGHTY}|"
        rf"{_BY_DEGREES}(?:{_LOUD}|loud|strong|"
        rf"heavy|intense|violent)|{_BECOME}{_LOUD}|"
        rf"(?:starts?|starting|begins?|beginning)? ?(?:from )?{_LOW} to {_HIGH}|"
        rf"(?:in )?(?:a )?crescendo(?: of)?|"
        rf"{_HOW}(?:swell(?:s|ing)?|intensif(?:y|ies|ying)|build(?:s|ing)? up|builds|mount(?:s|"
        rf"ing)|"
        rf"escalat(?:es|ing)|surg(?:es|ing)|(?:ramp|rev|crank)(?:s|p?ing|ving)? up|"
        rf"strengthen(?:s|ing))(?: up)?|{_STRENGTH} (?:rising|increasing|growing|going up|rises|"
        r"increases|goes up)|"
        rf"{_HOW}(?:increas|ris|grow|build)(?:es|s|ing)(?: {_HOW})? ?(?:in )?"
        r"(?:volume|loudness|intensity|strength)",
    ),
    (
        Course.NEARER,
        True,
        rf"{_HOW}approach(?:es|ing)?|{_MOVE} {_HOW}{_NEAR}(?: and {_NEAR})?|{_NEAR} and {_NEAR}|"
        rf"{_MOVE} (?:near|towards?|this way)(?: (?:me|us|you|the listener))?|arriv(?:es|ing)|"
        rf"from afar to near",
    ),
    (
        Course.AWAY,
        True,
        rf"{_HOW}reced(?:e|es|ing)(?: into the distance)?|(?!go(?:es|ing)? off){_MOVE} "
        rf"{_HOW}(?:away|off)(?: into the distance)?|"
        rf"(?:{_MOVE} |{_BECOME})?(?:ever |increasingly )?{_FAR}(?: and {_FAR})?(?: away)?|"
        rf"(?:{_MOVE} )?(?:off )?into the distance|"
        rf"depart(?:s|ing)|leav(?:es|ing)",
    ),
    (
        Course.PASSING,
        False,
        rf"pass(?:es|ing)(?: (?:by|overhead|past))?|pass by|\w+(?:s|ing) past|{_MOVE} (?:by|"
        rf"past|over|overhead)\b|"
        r"drive-?by|fly-?by|pass-?by",
    ),
    (
        Course.STOP,
        True,
        rf"(?:then |it |and |which |that )*(?:suddenly |abruptly )?"
        r"(?:stops|stopping|(?<!bus )(?<!non-)stop|ceases|cease|ceasing|halts|ends|"
        r"breaks off|cuts? (?:off|out)|goes silent|falls silent|shut(?:s|ting) (?:off|down)|"
        r"switch(?:es|ed|ing) off|turn(?:s|ed|ing) off|power(?:s|ing) (?:down|off)|goes dead|"
        r"(?:abrupt|sudden) (?:stop|halt|end)(?: of)?|"
        rf"comes to (?:a|an)(?: \w+)? (?:stop|halt|end))"
        rf"(?! (?:with|in(?! the middle))\b){_SUDDEN}{_WHEN}",
    ),
    (
        Course.START,
        True,
        r"(?:suddenly )?(?:starts?|begins?|starting|beginning|sets in|kicks in|comes on|"
        r"comes to life|"
        rf"powers (?:on|up)|switch(?:es|ed|ing) on|turn(?:s|ed|ing) on)(?! (?:with|quiet|loud|"
        rf"soft|slow|"
        rf"fast)\w*\b)(?: up| to)?{_SUDDEN}{_WHEN}",
    ),
    (
        Course.FASTER,
        True,
        rf"{_BECOME}?(?:faster and faster|quicker and quicker)|{_BECOME}(?:faster|quicker)|"
        r"speed(?:s|ing)? up|accelerat(?:e|es|ing)|quicken(?:s|ing)?|gain(?:s|ing)? speed|"
        r"pick(?:s|ing)? up (?:the )?(?:speed|pace|tempo)(?! and)",
    ),
    (
        Course.SLOWER,
        True,
        rf"{_BECOME}?slower and slower|{_BECOME}slower|(?:slow|wind)(?:s|ing)? down|"
        rf"decelerat(?:e|es|ing)",
    ),
    (Course.NEARER, True, _NEAR),
    (
        Course.DOWN,
        True,
        r"quieter|fainter|eas(?:es|ing)|(?:gradually |slowly )?go(?:es|ing)? (?:quiet|silent)",
    ),
    (Course.FADE_OUT, True, r"dies"),
    (
        Course.UP,
        True,
        r"louder|increases|increasing|rises|rising|grows|growing|pick(?:s|ing)? up|reaches a peak",
    ),
    (Course.SLOWER, True, r"slows"),
)
"""Each with whether its words are taken out of the text that is compared with the kinds."""

_COMPILED = [
    (course, cut, re.compile(rf"\b(?:{pattern})(?!\w)")) for course, cut, pattern in _PATTERNS
]


def spanned(text: str) -> str:
    """A text in small letters with a mark for "starts softly and becomes heavy"."""
    for course, pattern in _SPANS:
        text = pattern.sub(f" {_mark(course)} ", text)
    return text


def marked(text: str) -> str:
    """A text in small letters with each course as a mark, which no clause boundary splits."""
    text = re.sub(r"\bnon-?stop\b", "", text)
    text = _ON_AND_OFF.sub(f" {_mark(Course.START)} {_mark(Course.STOP)} ", text)
    for course, cut, pattern in _COMPILED:
        mark = _mark(course)
        text = pattern.sub(f" {mark} " if cut else rf"\g<0> {mark} ", text)
    return text


def taken(text: str) -> tuple[str, tuple[Course, ...]]:
    """A marked text without its marks, and the courses in their order."""
    courses = tuple(Course(name.replace("_", " ")) for name in _MARK.findall(text))
    return _MARK.sub(" ", text).strip(), tuple(dict.fromkeys(courses))


def _mark(course: Course) -> str:
    return f"<{course.value.replace(' ', '_')}>"


_BEGIN = (
    r"\b(?:which |that |it )?(?:starts?|starting|begins?|beginning) (?:out |off )?"
    r"(?:very |quite |rather )?"
)
_END = (
    r"(?:,| and| but)* (?:then )?(?:becom|grow|get|turn|build|swell|end|chang|fad|die)(?:e|s|"
    r"es|ing|ting)?"
    r"(?: up| down| away| out| into| to| in| with)*"
    r"(?: (?:a|an|the|very|quite|rather|really|much))*(?: (?!then\b)[a-z]+)?"
)
_LOW_START = r"(?:quiet|soft|gentl|gentle|faint|silent|light|low|weak|calm)(?:ly|y)?"
_HIGH_START = r"(?:loud|heav|heavy|strong|full|violent|intense|intens)(?:ly|ily|y)?"
_JOINED = r"(?:,|;| and| but| then)* (?:it )?(?:[a-z]+(?:s|ing) )?(?:(?:up|down|in|to|into|as) )*"
_FAST = (
    r"(?:(?:very |much |really )?(?:fast|faster|quick|quicker|rapid|quickly|rapidly)|"
    r"(?:run|sprint|gallop|rac)(?:s|es|e|ning|ing)?|speed(?:s|ing)? up|accelerat(?:es|ing))\b"
)
_SLOW = (
    r"(?:(?:very |much |really )?(?:slow|slower|slowly)|slow(?:s|ing)? down|"
    r"(?:walk|crawl)(?:s|ing)?)\b"
)
_GREW = r"(?:(?:and|then|it|which|to|a|an|the|into|turns|becomes|grows|builds|swells|ends|as|up) )+"
_SPANS = (
    (Course.FASTER, re.compile(rf"{_BEGIN}(?:slow|slowly){_JOINED}{_FAST}")),
    (Course.SLOWER, re.compile(rf"{_BEGIN}(?:fast|quick|quickly|rapidly){_JOINED}{_SLOW}")),
    (Course.UP, re.compile(rf"{_BEGIN}as {_A}{_LITTLE},? {_GREW}{_A}{_GREAT}\b")),
    (Course.DOWN, re.compile(rf"{_BEGIN}as {_A}{_GREAT},? {_GREW}{_A}{_LITTLE}\b")),
    (Course.UP, re.compile(_BEGIN + _LOW_START + _END)),
    (Course.DOWN, re.compile(_BEGIN + _HIGH_START + _END)),
)
_ON_AND_OFF = re.compile(
    r"\b(?:is |are |being )?(?:turn|switch|power)(?:ed|s|es|ing) on,?(?: and)?(?: then)?(?: "
    r"back)? off"
    r"(?: again)?\b"
)
_MARK = re.compile(r"<([a-z_]+)>")
