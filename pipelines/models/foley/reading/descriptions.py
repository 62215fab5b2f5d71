"""A description taken apart: its steps in their order, the parts of each, and what is negated."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pipelines.models.foley.reading.cleaning import clean
from pipelines.models.foley.reading.counts import counted, is_many, sources
from pipelines.models.foley.reading.courses import Course, marked, spanned, taken
from pipelines.models.foley.reading.levels import level_of
from pipelines.models.foley.reading.negation import without_negations
from pipelines.models.foley.reading.orders import pieces
from pipelines.models.foley.reading.word_lists import SMALL_WORDS, words


@dataclass(frozen=True, slots=True)
class Part:
    """What may be a sound of its own. `text` is without count, courses and level."""

    text: str
    count: int | None = None
    many: bool = False
    """Whether the text says that events repeat."""
    courses: tuple[Course, ...] = ()
    level: float = 0.0
    """dB."""
    throughout: bool = False
    """Whether it is said to go on behind everything else."""
    sources: int | None = None
    """How many things sound, where the text numbers them and not their events."""
    tells: bool | None = None
    """Whether it says what somebody does ("a door creaks") and not what is going on ("a door
    creaking"), None where it does neither."""
    beside: bool = False
    """Whether a word such as "while" says that it sounds together with the part before."""


@dataclass(frozen=True, slots=True)
class Step:
    """Parts that sound together. Without parts it is silence."""

    parts: tuple[Part, ...]
    whole: Part
    """All of the step as one part."""
    raw: str
    """As it was written, in small letters."""
    seconds: float | None = None
    """Its length, where the description names it."""


@dataclass(frozen=True, slots=True)
class Description:
    steps: tuple[Step, ...]
    negated: tuple[str, ...] = ()
    """What is not to be heard."""

    @property
    def is_empty(self) -> bool:
        """Whether it names nothing that is to be heard."""
        return not any(step.parts for step in self.steps)


_SPACES = re.compile(r"\s+")
_SECONDS = re.compile(
    r"\b(?<!after )(?:(?:for|lasting) )?(?P<number>\d+(?:\.\d+)?|one|two|three|four|five|six|"
    r"seven|eight|"
    r"nine|ten)"
    r"[\s-]+seconds?(?: long)?(?: of)?\b"
)
_WORD_SECONDS = {
    word: float(number)
    for number, word in enumerate(words("one two three four five six seven eight nine ten"), 1)
}
_SILENCE = re.compile(
    r"^(?:(?:a|an|of|the|complete|total|dead|absolute|pure|just|only|long|short|brief|moment|few|"
    r"there|is|some) )*"
    r"(?:silence|quiet|nothing|pause|stillness)(?: please| only| at all)?$"
)

_CLAUSES = re.compile(
    r"([,;.!?:()]+|\b(?:and|while|whilst|with|over|plus|as well as|amid|against|during)\b|&|\+)"
)
_MANNER = re.compile(
    r"^(?:a )?(?:loud |big |soft |dull )?(?:bang|thud|crash|clatter|slam|snap|thump)$"
)
"""How something happens: "a door falls shut with a bang"."""
_ONLY_EVENTS = re.compile(
    r"^(?:(?:single|short|long|quick|slow|loud|soft) )*"
    r"(?:hit|strike|stroke|blow|sound|note|call|cry|pulse|burst|rep|repetition)(?:s|es)?(?: only)?$"
)
"""Of what was named before: "kick drum, one hit"."""
_BESIDE = frozenset(words("while whilst with over amid against during"))
_THROUGHOUT = re.compile(
    r"\b(?:in the background|throughout|all the (?:time|while)|the whole time|all along|"
    r"constantly behind)\b"
)


def understand(prompt: str) -> Description:
    """A prompt in English, taken apart."""
    text, negated = without_negations(spanned(clean(prompt)))
    steps = _merged([_step(piece) for piece in pieces(text)])
    return Description(tuple(steps), negated)


def positive(prompt: str) -> str:
    """What a prompt asks for, in small letters."""
    return " ".join(step.whole.text for step in understand(prompt).steps)


def _step(text: str) -> Step:
    seconds = None
    if found := _SECONDS.search(text):
        seconds = _WORD_SECONDS.get(found["number"]) or float(found["number"])
        text = f"{text[: found.start()]} {text[found.end() :]}".strip()
    whole = part_of(text)
    if _SILENCE.match(whole.text) or not whole.text.strip():
        return Step((), whole, text, seconds)
    parts: list[Part] = []
    before = Part("")
    split = ["", *_CLAUSES.split(marked(text))]
    for mark, piece in zip(split[::2], split[1::2], strict=True):
        part = _part(piece)
        if parts and part.count and _ONLY_EVENTS.match(part.text):
            parts[-1] = replace(parts[-1], count=parts[-1].count or part.count)
        elif mark == "with" and _MANNER.match(part.text):
            continue
        elif _has_content(part.text):
            parts.append(_joined(replace(part, beside=mark in _BESIDE), before))
        elif part.courses or part.level or part.count:
            parts = [_joined(it, part) for it in parts]
            before = before if parts else part  # "volume rising: a waterfall"
    return Step(tuple(parts), whole, text, seconds)


def one_step(text: str) -> Step:
    """A text as one step."""
    return _step(text)


def part_of(text: str) -> Part:
    return _part(marked(text))


def _part(text: str) -> Part:
    text, courses = taken(text)
    throughout = _THROUGHOUT.search(text) is not None
    text = _THROUGHOUT.sub("", text)
    number, tells = sources(text), _tells(text.strip())
    text, count = counted(text)
    text, level = level_of(text)
    text = _SPACES.sub(" ", text).strip(" ,;.")
    return Part(text, count, is_many(text), courses, level, throughout, number, tells)


_GOES_ON = re.compile(r"\b(?!during\b|morning\b|evening\b|ring\b|string\b)[a-z]{2,}ing\b")
_TELLS = re.compile(
    r"^(?:(?:and|then) )?(?:(?:an?|one|another) (?:[a-z'-]+ ){1,3}?|some(?:body|one) |he |she )"
    r"[a-z]+[^s\W]s\b"
)


def _tells(text: str) -> bool | None:
    if _GOES_ON.search(text):
        return False
    return True if _TELLS.match(text) else None


def _has_content(text: str) -> bool:
    return any(word not in SMALL_WORDS for word in re.findall(r"[a-z0-9'-]+", text)) or (
        bool(text.strip()) and not text.isascii()
    )


def _joined(part: Part, more: Part) -> Part:
    """A part with the course, count and level of a clause that has nothing else."""
    courses = tuple(dict.fromkeys((*part.courses, *more.courses)))
    count = part.count if more.count is None else more.count
    return replace(part, count=count, courses=courses, level=part.level or more.level)


_HOW = (
    r"(?:loud|quiet|soft|faint|heavy|heavi|light|gentle|strong|fast|quick|slow|hard|distant|weak|"
    r"intense)(?:ly|er)?"
)
_LEVEL_WORDS = re.compile(rf"\b(?:at first |initially )?{_HOW}\b")
_HOW_ONLY = re.compile(
    rf"^(?:(?:it is|very|much|more|again|suddenly|really|extremely) )*{_HOW}(?: again)?$"
)
"""Of what was named before: "quiet applause, then loud"."""
_OFF = re.compile(r"^(?:back )?(?:off|out)(?: again)?$")
_AGAIN = re.compile(r"^(?:(?:and )?(?:yet )?another(?: one)?|one more(?: time)?|a second one)$")


def _merged(steps: list[Step]) -> list[Step]:
    """Steps that only tell a course join the step before: "rain, then fades away"."""
    merged: list[Step] = []
    for step in steps:
        if merged and _AGAIN.match(step.raw):
            part = replace(merged[-1].whole, count=1)
            merged.append(Step((part,), part, merged[-1].raw))
        elif merged and _OFF.match(step.raw):
            faded = Course.FADE_IN in merged[-1].whole.courses
            stopped = Part("", courses=(Course.FADE_OUT if faded else Course.STOP,))
            parts = tuple(_joined(part, stopped) for part in merged[-1].parts)
            whole = _joined(merged[-1].whole, stopped)
            merged[-1] = replace(merged[-1], parts=parts, whole=whole)
        elif merged and merged[-1].parts and _HOW_ONLY.match(step.raw):
            before = _LEVEL_WORDS.sub("", merged[-1].whole.text)
            merged.append(_step(f"{step.raw} {before}"))
        elif merged and step.whole.courses and not _has_content(step.whole.text):
            last = merged[-1]
            parts = tuple(_joined(part, step.whole) for part in last.parts)
            merged[-1] = Step(parts, _joined(last.whole, step.whole), last.raw, last.seconds)
        else:
            merged.append(step)
    return merged
