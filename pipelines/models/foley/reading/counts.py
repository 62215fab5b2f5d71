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
    "another": 1,
    "single": 1,
    "lone": 1,
    "solitary": 1,
    "isolated": 1,
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
    "clang clank jingle ding splash pop snap growl roll sound swing swipe drumbeat bounce moo "
    "bleat baa neigh whinny oink grunt quack cluck slam scratch burp belch hiccup sneeze cough "
    "gasp yell shout scream groan stomp tread punch slap peal clatter thwack whack twang strum "
    "chord hum yelp howl hiss roar honk peep chirrup fanfare backfire rattle stride ringtone dong "
    "clop snare rimshot warble trill wail"
)
"""Nouns of single events. A number before anything else counts sources: "two dogs bark"."""
_GOING_ON = words(
    "heartbeat beat drumbeat buzz laugh note whistle growl cry call horn rap roll sound kick "
    "crack drop "
    "rumble snore hum hiss roar rustle rattle clatter wail snare groan trill warble"
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
    (r"\b(?:two|2) or (?:three|3)\b", "three"),
    (r"\b(?:one|1) or (?:two|2)\b", "two"),
    (r"\ba trio of\b", "three"),
    (r"\ba quartet of\b", "four"),
    (r"\btwo dozen\b", "24"),
)
_TIMES = re.compile(
    rf"\(?\b(?:(?:repeat|repeats|repeated|repeating) )?(?:exactly |only |just )?{_NUMBER}[\s-]+"
    r"(?:more |separate |distinct |consecutive |quick |short )?times?\b\)?"
)
_TIMES_SIGN = re.compile(r"\(?\b(?:x ?(?P<number>\d{1,2})|(?P<before>\d{1,2}) ?x)\b\)?")
_ADVERB = re.compile(
    r"\(?\b(?:(?:repeat|repeats|repeated|repeating) )?(?:exactly |only |just )?"
    r"(?P<adverb>once|twice|thrice)\b(?! (?:a|the|it)\b)\)?"
)
_OF_MANY = re.compile(rf"\b{_NUMBER}(?={_BETWEEN}(?:{_PLURALS})\b)")
_OF_ONE = re.compile(
    rf"\b(?P<number>one|1|single|lone|solitary|isolated|double|triple|"
    rf"another)(?={_BETWEEN}(?:{_SINGULARS})\b)"
)
_OF_AN = re.compile(
    rf"\ban?(?={_BETWEEN}(?:{_ONCE_ONLY})\b(?! (?:drum|track|tone|counter|beat|pattern)\b))"
)
_HEADING = re.compile(
    r"^(?:(?!\w*[^s]s\b|people|children|men|women|geese|to\b|" + "|".join(NUMBERS) + r")[a-z'-]+ )"
    r"{0,4}?(?:bark|woof|yap|meow|miaow|moo|bleat|baa|neigh|whinny|oink|quack|cluck|"
    r"hoot|howl|caw|croak|shot|gunshot|explosion|blast|bang|boom|crash|smash|slam|honk|toot|toll|"
    r"thunderclap|handclap|clap|gong|zap|pew|whoosh|swish|swoosh|snap|pop|burp|belch|splash|clink|"
    r"clang|ding|thud|thump)(?: (?:by|from|of|in|on|at|inside|outside|to) .+)?$"
)
"""Without an article, as titles have it: "dog bark"."""
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
    if found := _TIMES_SIGN.search(text):
        return _without(text, found), _number(found["number"] or found["before"])
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
    if _HEADING.match(text) and not _MANY.search(text):
        return text, 1
    return text, None


_DONE_BY_ONE = re.compile(
    r"\b(?:(?:an?|the|one|another|his|her)(?: [a-z'-]+){1,3}?|somebody|someone|he|she|it) "
    r"(?:(?:loudly|suddenly|then|quickly) )?"
    r"(?<!loud )(?<!big )(?<!huge )(?<!sharp )(?<!short )(?<!quick )(?<!heavy )(?<!distant )"
    r"(?:slams|bangs|burps|belches|booms|whooshes|swooshes|crashes|smashes|snaps|clatters|"
    r"scratches|rings|chimes|sounds|blasts|pops|cracks|drops)\b"
)
"""What one does is no plural: "a door slams"."""
_SOURCES = re.compile(
    rf"\b{_NUMBER}(?= (?:(?!seconds?|minutes?|hours?|years?|people)[a-z-]+ ){{0,2}}?"
    r"(?!seconds?|minutes?|hours?|years?)[a-z-]+s\b)"
)


def sources(text: str) -> int | None:
    """How many things make a sound in a text in small letters, None where it names no number."""
    found = _SOURCES.search(text)
    return _number(found["number"]) if found and found["number"] not in ("one", "both") else None


def is_many(text: str) -> bool:
    """Whether a text in small letters has a sign that events repeat."""
    return _MANY.search(_DONE_BY_ONE.sub("", text)) is not None


def _number(word: str) -> int | None:
    number = NUMBERS.get(word) or int(word)
    return number if 0 < number <= MOST else None


def _without(text: str, found: re.Match[str]) -> str:
    return " ".join(f"{text[: found.start()]} {text[found.end() :]}".split())
