"""Whether `read` is past or present: by subject, auxiliary, time and the verbs beside it."""

from __future__ import annotations

import re

from pipelines.english.context import word_class
from pipelines.english.place import Place, either_of

_FINITE_PAST = re.compile(
    r"(?:was|were|had|did|didn't|wasn't|weren't|said|went|came|saw|took|got|made|gave|found|told|"
    r"thought|knew|left|felt|kept|began|wrote|stood|ran|sat|heard|met|paid|fell|spoke|bought|"
    r"brought|slept|woke|cried|tried|[a-z]{3,}ed)"
)

_PAST_TIME = re.compile(
    r"(?:yesterday|ago|earlier|previously|formerly|recently|once|then|already|twice|when|"
    "before|until)"
)

_LAST = re.compile(r"(?:night|week|month|year|summer|winter|spring|autumn|fall|time|monday|tuesday|"
                   r"wednesday|thursday|friday|saturday|sunday|evening|century)")  # fmt: skip

_PRESENT_TIME = re.compile(
    r"(?:every|always|usually|often|never|sometimes|daily|now|today|tomorrow|regularly|rarely|each)"
)

_SUBJECTS = "i|we|you|they|who|people|everyone|everybody|he|she|it"

_HAVE = "have|has|had|having|i've|you've|we've|they've|he's|she's|haven't|hasn't|hadn't|i'd|we'd"

_BE = "is|are|was|were|be|been|being|isn't|wasn't|it's|that's|am|got|get|gets|getting"

MODAL = (
    "to|will|would|can|could|may|might|must|shall|should|do|does|did|don't|doesn't|didn't|won't|"
    "can't|cannot|couldn't|wouldn't|shouldn't|i'll|you'll|he'll|she'll|we'll|they'll|let's|please|"
    "let|make|made|help|helps|helped"
)

_ADVERBS = (
    "never|ever|already|just|always|often|also|not|only|even|still|once|recently|finally|really|"
    "quickly|slowly|carefully|usually|sometimes|all|both|widely|now|then|aloud|hardly|barely|ly"
)


def _skip_adverbs(place: Place) -> list[str]:
    """The words before, without adverbs."""
    pattern = either_of(_ADVERBS)
    return [w for w in place.before() if not (pattern.fullmatch(w) or w.endswith("ly"))]


def read_rule(place: Place) -> str:
    """`present` or `past`: the tense of `read` in its sentence."""
    before = _skip_adverbs(place)
    nearest = before[0] if before else ""
    second = before[1] if len(before) > 1 else ""
    if either_of(MODAL).fullmatch(nearest):
        return "present"
    if either_of(_HAVE).fullmatch(nearest) or either_of(_BE).fullmatch(nearest):
        return "past"
    if either_of(_SUBJECTS).fullmatch(nearest) or word_class(nearest or ".") in (
        "NNP",
        "n",
        "np",
        "p",
    ):
        if either_of(MODAL).fullmatch(second):  # did you read
            return "present"
        if either_of(_HAVE).fullmatch(second):  # have you read
            return "past"
    if re.fullmatch("well|widely|most|best|least|much", place.word(-1)):
        return "past"
    if nearest in ("he", "she", "it") or (
        word_class(nearest or ".") in ("NNP", "n", "nv", "na", "nva") and place.before()
    ):
        return "past"  # the present would be `reads`
    if nearest in ("and", "or", "then", ",", "but") or not nearest:
        return _read_like_its_verbs(place, imperative=not nearest)
    return "past" if _is_past(place) else "present"


def _read_like_its_verbs(place: Place, *, imperative: bool) -> str:
    """After a conjunction a verb has the tense of the one before it; alone it is an order."""
    if imperative:
        passive = place.next_to(after="by|in|at|aloud|from") and place.word(1) != "aloud"
        return "past" if passive and place.word(1) == "by" else "present"
    earlier = place.before()
    for place_of, word in enumerate(earlier):
        if either_of(MODAL).fullmatch(word):
            return "present"
        if _FINITE_PAST.fullmatch(word):
            return "past"
        if word_class(word) in ("v", "nv", "vz") and place_of > 0:
            break
    return "past" if _is_past(place) else "present"


def _is_past(place: Place) -> bool:
    around = [*place.before(), *place.after()]
    if any(_PRESENT_TIME.fullmatch(word) for word in around):
        return False
    for word, following in zip(around, [*around[1:], ""], strict=True):
        if word == "last" and _LAST.fullmatch(following):
            return True
    if any(word == "last" for word in around) and any(_LAST.fullmatch(w) for w in around):
        return True
    if any(_PAST_TIME.fullmatch(word) for word in around if word not in ("then", "before", "when")):
        return True
    return any(_FINITE_PAST.fullmatch(word) for word in around) and not any(
        re.fullmatch("will|would|can|could|should|must|if", word) for word in around
    )
