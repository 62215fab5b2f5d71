"""A description taken apart: its steps in their order, the parts of each, and what is negated."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.models.foley.reading.counts import counted, is_many
from pipelines.models.foley.reading.courses import Course, marked, spanned, taken
from pipelines.models.foley.reading.word_lists import words


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

    @property
    def is_silence(self) -> bool:
        """Whether silence is all that it names."""
        return all(_SILENCE.match(step.whole.text) for step in self.steps)


_CLEAN = str.maketrans({"’": "'", "‘": "'", "–": ",", "—": ",", "“": " ", "”": " ", '"': " "})
_SPACES = re.compile(r"\s+")

# "now and then" and "one after the other" are no order.
_NO_ORDER = re.compile(
    r"\b(?:every )?(?:now and then|now and again)\b|\bone after (?:the other|another)\b"
)
_BEFORE = re.compile(
    r"^(?:right |just |shortly )?(?:before|prior to) (?P<later>[^,;]+), (?P<sooner>.+)$|"
    r"^(?P<sooner2>.+?),? (?:right |just |shortly )?(?:before|prior to|ahead of) (?P<later2>.+)$"
)
_AFTER = re.compile(
    r"^(?:right |just |shortly )?(?:after|once|following) (?P<sooner>[^,;]+), (?P<later>.+)$|"
    r"^(?P<later2>.+?),? (?:right |just |shortly )?(?:after|following) "
    r"(?P<sooner2>(?!dark\b|midnight\b|that\b|\w+ seconds?\b|a (?:while|moment|pause)\b).+)$"
)
_THEN = re.compile(
    r"(?:[,;.]|\s)+(?:and |but )?(?:(?:is |are )?(?:immediately |soon |"
    r"quickly )?followed (?:immediately )?by|"
    r"(?:and )?(?:only )?then|after(?:wards| that| which| a while| a moment| a pause)|"
    r"(?:a )?(?:moment|second|little|while|bit)s? later|"
    r"later(?: on)?|subsequently|eventually|next|finally|lastly|last,|(?:which )?preced(?:es|ing)|"
    r"at (?:the end|last)|in the end|thereafter|"
    r"until|till|(?:which |that )?(?:turn|chang|transition|morph|mov)(?:s|es|ing|"
    r"ning)? (?:in)?to|becoming|"
    r"(?:which )?(?:gives|giving|give) way to|(?:which )?(?:leads|leading) (?:in)?to|"
    r"(?:and )?(?:ends?|ending|ended|finish|finishes|finishing|closes|concludes|"
    r"concluding) (?:with|in|by)|"
    r"(?:second|third)(?:ly)?(?=,|\s(?:an?|the)\b)|(?:and )?(?:->|=>|→))(?:[\s,:]+|$)"
    r"(?:then |by |finally |there is |comes |follows )*"
)
_PRECEDED = re.compile(r"^(?P<later>.+?),? (?:which is |is )?preceded by (?P<sooner>.+)$")
_PAUSE = re.compile(r"[,;.] (?:and )?(?:a )?(?:short |long |brief )?(?:pause|silence|break)[,;.] ")
_RANKED = re.compile(r"(?:^|[\s,;.]+)(?:1|2|3|4|5)[.)] +")
_RANK_AFTER = re.compile(
    r"^(?P<first>[^,;]+?) (?:at )?first[,;]? (?:and )?(?:then )?(?P<second>[^,;]+?) "
    r"(?:second|next|last|after|later|afterwards)$"
)
_OPENING = re.compile(
    r"^(?:(?:at )?first(?:ly)?(?: of all)?|to begin with|to start with|"
    r"(?:it |the sound )?(?:starts?|starting|begins?|beginning|opens?|opening) (?:with|by|as)|"
    r"initially)[\s,:]+(?:comes |there is )?"
)
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
    r"^(?:(?:a|an|of|the|complete|total|dead|long|short|brief|moment|few|there|is|some) )*"
    r"(?:silence|quiet|nothing|pause|stillness)$"
)

_CLAUSES = re.compile(
    r"[,;.!?:]+|\b(?:and|while|whilst|with|over|plus|as well as|amid|against)\b|&|\+"
)
_NOT = re.compile(
    r"\b(?:(?:but |and |or |with |there (?:is|are|should be|must be) )*"
    r"(?:no|zero|without(?: any)?|not any|never any|nor|neither|minus|excluding|except(?: for)?|"
    r"free of|"
    r"free from|instead of|rather than|not(?! only\b)|nobody|no one|nothing|exclude|excludes|"
    r"leave out|avoid|omit|devoid of|absence of)"
    r"(?: (?:sounds? of|signs? of|trace of))?) (?P<what>(?!longer\b|doubt\b)[^,;.!?:]+)"
)
_NOT_VERB = re.compile(
    r"(?:^|(?<=[,;.!?:])|(?<=\s)(?=(?:but|and|while|though|that|which)\s))\s*"
    r"(?:(?:but|and|while|though|that|which|the|it) )*"
    r"(?P<what>(?:(?!\b(?:but|and|while|though|that|which)\b)[^,;.!?:])*?)\s*"
    r"\b(?:(?:is|are|does|do|should|must|can|will|has|have) ?(?:not|n't)|(?:isn|aren|doesn|"
    r"don|won|can)'?t|never)\b"
    r"(?P<rest>[^,;.!?:]*)"
)
_NOT_HOW = re.compile(
    r"\bnot (?:too |very |so |that |overly |particularly |really )?"
    r"(?:\w+ly|loud|heavy|strong|fast|slow|high|low|near|far|quick|quiet|big|deep|distant|harsh)\b"
)
_END_OF_NOT = re.compile(
    r"\b(?:but|just|only|while|whilst|then)\b|\band (?=(?:a|an|the|some|there|with|loud|heavy|"
    r"lots)\b)"
)
_LIST = re.compile(
    r"\b(?:and|or|nor|any|no|sounds?|noises?|at all|of|please|whatsoever|either)\b|,"
)

_LEVELS = (
    (
        re.compile(
            r"\b(?:barely|hardly|scarcely|almost in|nearly in)[ -]?(?:audible|heard|"
            r"perceptible|noticeable)\b"
        ),
        -18.0,
    ),
    (
        re.compile(
            r"\b(?:very|extremely|really|ever so|super) (?:quiet|faint|soft|silent)(?:ly)?\b"
        ),
        -16.0,
    ),
    (
        re.compile(
            r"\b(?:faint(?:ly)?|hushed|whisper[- ]quiet|low[- ]volume|at (?:a )?low volume)\b"
        ),
        -12.0,
    ),
    (re.compile(r"\b(?:quiet(?:ly)?|silent(?:ly)?|subdued|muted)\b"), -10.0),
    (re.compile(r"\bsoft(?:ly)?\b"), -6.0),
    (
        re.compile(
            r"\b(?:deafening|ear-?splitting|(?:very|extremely|really) loud(?:ly)?|"
            r"at full (?:volume|blast)|blaring)\b"
        ),
        5.0,
    ),
    (re.compile(r"(?<!out )\bloud(?:ly)?\b"), 4.0),
)
_THROUGHOUT = re.compile(
    r"\b(?:in the background|throughout|all the (?:time|while)|the whole time|all along|"
    r"constantly behind)\b"
)
_SMALL_WORDS = frozenset(
    words(
        "a an the it its is are of in on at to by for that which this there sound sounds noise "
        "very slowly gradually suddenly and or all whole everything then from with they them he "
        "she again"
    )
)


def understand(prompt: str) -> Description:
    """A prompt in English, taken apart."""
    text = _SPACES.sub(" ", prompt.translate(_CLEAN).lower()).strip(" .,;!?:")
    text = _NO_ORDER.sub("repeatedly", text)
    text = _NOT_HOW.sub("", text)
    text, negated = _without_negations(spanned(text))
    steps = _merged([_step(piece) for piece in _pieces(text)])
    return Description(tuple(steps), negated)


def positive(prompt: str) -> str:
    """What a prompt asks for, in small letters."""
    return " ".join(step.whole.text for step in understand(prompt).steps)


def _without_negations(text: str) -> tuple[str, tuple[str, ...]]:
    negated: list[str] = []

    def cut(found: re.Match[str]) -> str:
        what, rest = found["what"], ""
        if end := _END_OF_NOT.search(what):
            what, rest = what[: end.start()], what[end.end() :]
        negated.extend(part.strip() for part in _LIST.split(what) if part.strip())
        return f", {rest}" if rest else ""

    def cut_verb(found: re.Match[str]) -> str:
        words = [word for word in found["what"].split() if word not in _SMALL_WORDS]
        negated.append(" ".join([*words, found["rest"].strip()]).strip())
        return ""

    text = _NOT_VERB.sub(cut_verb, text)
    text = _NOT.sub(cut, text)
    return text.strip(" .,;!?:"), tuple(negated)


def _pieces(text: str) -> list[str]:
    """The steps of a text in the order in which they are to be heard."""
    pieces = []
    text = _PAUSE.sub(", then silence, then ", text)
    text = _RANKED.sub(", then ", text).removeprefix(", then ")
    if found := _RANK_AFTER.match(text):
        text = f"{found['first']}, then {found['second']}"
    for piece in _THEN.split(_OPENING.sub("", text)):
        clean = _OPENING.sub("", piece.strip(" ,;."))
        if clean:
            pieces.append(clean)
    return pieces or [text]


def inverted(text: str) -> tuple[str, str] | None:
    """The two steps of "X before Y" or "Y after X", if the text has that form; X first. Whether
    both are sounds is for the caller to find out: "before dawn" is none."""
    if found := _PRECEDED.match(text):
        return found["sooner"], found["later"]
    for pattern in (_BEFORE, _AFTER):
        if found := pattern.match(text):
            first, second = (found[name] or found[f"{name}2"] for name in ("sooner", "later"))
            return _OPENING.sub("", first), _OPENING.sub("", second)
    return None


def _step(text: str) -> Step:
    seconds = None
    if found := _SECONDS.search(text):
        seconds = _WORD_SECONDS.get(found["number"]) or float(found["number"])
        text = f"{text[: found.start()]} {text[found.end() :]}".strip()
    whole = part_of(text)
    if _SILENCE.match(whole.text) or not whole.text.strip():
        return Step((), whole, text, seconds)
    parts: list[Part] = []
    for piece in _CLAUSES.split(marked(text)):
        part = _part(piece)
        if _has_content(part.text):
            parts.append(part)
        elif parts and (part.courses or part.level or part.count):
            parts = [_joined(it, part) for it in parts]
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
    text, count = counted(text)
    level = 0.0
    for pattern, decibels in _LEVELS:
        if pattern.search(text):
            level = decibels
            break
    text = _LEVELS[0][0].sub("", text)
    text = _SPACES.sub(" ", text).strip(" ,;.")
    return Part(text, count, is_many(text), courses, level, throughout)


def _has_content(text: str) -> bool:
    return any(word not in _SMALL_WORDS for word in re.findall(r"[a-z0-9'-]+", text)) or (
        bool(text.strip()) and not text.isascii()
    )


def _joined(part: Part, more: Part) -> Part:
    """A part with the course, count and level of a clause that has nothing else."""
    courses = tuple(dict.fromkeys((*part.courses, *more.courses)))
    count = part.count if more.count is None else more.count
    return Part(part.text, count, part.many, courses, part.level or more.level, part.throughout)


def _merged(steps: list[Step]) -> list[Step]:
    """Steps that only tell a course join the step before: "rain, then fades away"."""
    merged: list[Step] = []
    for step in steps:
        if merged and step.whole.courses and not _has_content(step.whole.text):
            last = merged[-1]
            parts = tuple(_joined(part, step.whole) for part in last.parts)
            merged[-1] = Step(parts, _joined(last.whole, step.whole), last.raw, last.seconds)
        else:
            merged.append(step)
    return merged
