"""How many events a description asks for: "two gunshots", "barks three times", "a single knock"."""

from __future__ import annotations

import re

from pipelines.models.foley.reading.word_lists import words

MOST = 60
"""Larger numbers are not counted out."""

_SMALL = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
NUMBERS: dict[str, int] = {
    **{word: number for number, word in enumerate(_SMALL.split(), start=1)},
    "single": 1,
    "lone": 1,
    "solitary": 1,
    "double": 2,
    "both": 2,
    "triple": 3,
    "dozen": 12,
}
_EVENTS = words(
    "gunshot shot explosion detonation blast bang boom knock rap tap thud thump bark woof "
    "yap meow "
    "miaow mew hoot howl caw croak ribbit chirp tweet honk toot beep bleep blip ping ring chime "
    "toll strike stroke hit clap handclap thunderclap crack step footstep footfall tick tock "
    "click round "
    "clink chink drip drop droplet raindrop plop beat heartbeat snore whistle laugh creak squeak "
    "zap pew whoosh swish swoosh kick gong crash smash note pluck pulse burst call cry buzz horn "
    "clang clank jingle ding splash pop snap growl roll sound swing swipe drumbeat bounce"
)
"""Nouns of single events. A number before anything else counts sources: "two dogs bark"."""
_GOING_ON = words(
    "heartbeat beat drumbeat buzz laugh note whistle growl cry call horn rap roll sound kick "
    "crack drop "
    "rumble snore"
)
"""Of these, the ones that "a" does not make single: "a heartbeat" goes on."""


def _plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("sh", "ch", "s")) else "s")


_NUMBER = r"(?P<number>\d{1,2}|" + "|".join(NUMBERS) + ")"
_BETWEEN = r"(?:[\s-]+[a-z'-]+){0,3}?[\s-]+"
_PLURALS = "|".join(_plural(noun) for noun in _EVENTS)
_SINGULARS = "|".join(_EVENTS)
_ONCE_ONLY = "|".join(noun for noun in _EVENTS if noun not in _GOING_ON)
_ADVERBS = {"once": 1, "twice": 2, "thrice": 3}

_VAGUE = (
    (r"\bhalf a dozen\b", "six"),
    (r"\b(?:a )?(?:couple|pair) of\b", "two"),
    (r"\ba dozen\b", "twelve"),
    (r"\b(?:just |only )?a few\b", "three"),
    (r"\bseveral\b", "four"),
    (r"\btwo or three\b", "three"),
)
_TIMES = re.compile(rf"\b(?:exactly |only |just )?{_NUMBER}[\s-]+times?\b")
_ADVERB = re.compile(
    r"\b(?:exactly |only |just )?(?P<adverb>once|twice|thrice)\b(?! (?:a|the|it)\b)"
)
_OF_MANY = re.compile(rf"\b{_NUMBER}(?={_BETWEEN}(?:{_PLURALS})\b)")
_OF_ONE = re.compile(
    rf"\b(?P<number>one|single|lone|solitary|double|triple)(?={_BETWEEN}(?:{_SINGULARS})\b)"
)
_OF_AN = re.compile(
    rf"\ban?(?={_BETWEEN}(?:{_ONCE_ONLY})\b(?! (?:drum|track|tone|counter|beat|pattern)\b))"
)
_HAPPENS = re.compile(
    r"\ban?(?= (?:[a-z]+ ){1,2}(?:drops|falls|smashes|breaks|shatters|explodes|snaps|pops|"
    r"is (?:struck|hit|dropped|fired|smashed|broken))\b)"
    r"|\b(?<=drops )an?\b|\b(?<=fires )an?\b|\b(?<=breaks )an?\b|\b(?<=smashes )an?\b"
)
_REPEATED = re.compile(rf"\b(?P<word>{_SINGULARS})(?:[\s,!-]+(?P=word))+\b")
_LETTERS = re.compile(r"[a-z]+")
_STRIKES = re.compile(rf"\b(?P<verb>(?:strik|toll|chim)(?:e|es|s|ing)?) {_NUMBER}(?! \w+s\b)")
_MANY = re.compile(
    rf"\b(?:{_PLURALS}|gunfire|shooting|shoot-?out|firefight|battle|war|repeated(?:ly)?|"
    rf"constant(?:ly)?"
    r"|continuous(?:ly)?|many|multiple|series|salvo|barrage|volley|machine|fireworks|pattern|"
    r"keeps?"
    r"|ringing|swinging|swishing|whooshing|every|bombs|grenades|guns|rifles|pistols|windows|"
    r"bottles"
    r"|plates|dishes|gongs|swords|lasers|cannons|coins|doorbells|and on)\b"
)


def counted(text: str) -> tuple[str, int | None]:
    """A text in small letters without its count, and the count, None where it names none."""
    for pattern, word in _VAGUE:
        text = re.sub(pattern, word, text)
    if found := _TIMES.search(text):
        return _without(text, found), _number(found["number"])
    if found := _ADVERB.search(text):
        return _without(text, found), _ADVERBS[found["adverb"]]
    if (found := _OF_MANY.search(text)) and found["number"] not in ("one", "single", "lone"):
        return _without(text, found), _number(found["number"])
    if found := _REPEATED.search(text):
        said = len(_LETTERS.findall(found[0]))
        return f"{text[: found.start()]} {found['word']} {text[found.end() :]}".strip(), said
    if found := _STRIKES.search(text):
        return text[: found.start("number")].strip(), _number(found["number"])
    if found := _OF_ONE.search(text):
        return _without(text, found), _number(found["number"])
    if found := _OF_AN.search(text) or _HAPPENS.search(text):
        return _without(text, found), 1
    return text, None


def is_many(text: str) -> bool:
    """Whether a text in small letters has a sign that events repeat."""
    return _MANY.search(text) is not None


def _number(word: str) -> int | None:
    number = NUMBERS.get(word) or int(word)
    return number if 0 < number <= MOST else None


def _without(text: str, found: re.Match[str]) -> str:
    return " ".join(f"{text[: found.start()]} {text[found.end() :]}".split())
