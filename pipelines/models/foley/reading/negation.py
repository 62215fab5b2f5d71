"""What a description says is not to be heard."""

from __future__ import annotations

import re

from pipelines.models.foley.reading.word_lists import SMALL_WORDS

_LEAVE = (
    r"exclud(?:e|es|ing)|leav(?:e|ing) out|avoid(?:ing)?|omit(?:ting)?|skip(?:ping)?|mute|remove|"
    r"lose(?= the\b)|hold(?= the\b)|cut out|get rid of|ignore|forget(?: about)?|keep out|ban|"
    r"no need for|(?:i |we )?(?:do not|don't|dont) (?:want|need|like|add|include|use|put in)|"
    r"(?:i |we )?(?:hate|dislike)"
)
_LACKING = (
    r"no|zero|without(?: any)?|sans|not any|never any|nor|neither|minus|lacking|excluding|"
    r"omitting|avoiding|"
    r"not (?:including|containing|with|featuring|accompanied by)|unaccompanied by|"
    r"except(?:ing)?(?: for)?|with the exception of|save for|apart from|aside from|other than|"
    r"free of|free from|instead of|rather than|(?:(?:that|which) )?(?:is|are|was) ?n(?:ot|"
    r"'t) (?:accompanied|joined|followed) by|"
    r"not(?! only\b| (?:at all |very |that |so |particularly )?loud)|nobody|no one|none of|"
    r"nothing(?! but\b| except\b)|devoid of|absence of"
)
_NOT = re.compile(
    rf"\b(?:(?:but|and|or|with|also|please|absolutely|definitely|there (?:is|are|should be|"
    rf"must be)) )*(?:{_LACKING}|(?:(?<=[,;.!?:] )|^|(?<=but )|(?<=and )|(?<=please ))(?:{_LEAVE}))"
    r"(?: (?:sounds? of|signs? of|trace of|hint of))? (?P<what>(?!longer\b|doubt\b)[^,;.!?:()]+)"
)
_FREE = re.compile(
    r"\b(?P<what>[a-z]{3,})[- ]free\b(?! of| from)|\bnon?-(?!stop)(?P<also>[a-z]{4,})\b"
)
_LEFT_OUT = re.compile(
    r"(?:^|(?<=[,;.!?:(])|\bwith (?=the ))\s*(?:and |but )?"
    r"(?P<what>(?:(?!\bwith\b)[^,;.!?:()])+?) (?:is |are )?"
    r"(?:left out|excluded|omitted|not included|not wanted|not allowed|unwanted|removed|absent|"
    r"muted)\b"
)
_NOT_VERB = re.compile(
    r"(?:^|(?<=[,;.!?:(])|(?<=\s)(?=(?:but|and|while|though|that|which)\s))\s*"
    r"(?:(?:but|and|while|though|that|which|the|it) )*"
    r"(?P<what>(?:(?!\b(?:but|and|while|though|that|which)\b)[^,;.!?:()])*?)\s*"
    r"\b(?:(?:is|are|does|do|should|must|can|will|has|have) ?(?:not|n't)|(?:isn|aren|doesn|"
    r"don|won|can)'?t|never)\b"
    r"(?! (?:want|need|like|add|include|use|put|including|accompanied)\b)"
    r"(?P<rest>[^,;.!?:()]*)"
)
_NOT_HOW = re.compile(
    r"\b(?:but )?not (?:too |so |overly |completely |entirely |quite )?"
    r"(?!loud(?:ly)?\b)"
    r"(?:\w+ly|heavy|strong|fast|slow|high|low|near|far|quick|quiet|silent|big|deep|distant|"
    r"harsh)\b|\bnot (?:too|overly) loud(?:ly)?\b|"
    r"\bnot (?:very |that |particularly |really )(?:\w+ly|heavy|strong|fast|slow|high|low|near|"
    r"far|quick|quiet|big|deep|distant|harsh)\b"
)
_END = re.compile(
    r"\b(?:but|just|only|while|whilst|then)\b|\band (?=(?:a|an|the|some|there|with|loud|heavy|"
    r"lots)\b)"
)
_LIST = re.compile(
    r"\b(?:and|or|nor|any|no|sounds?|noises?|at all|of|please|whatsoever|either|the|in it)\b|,"
)


_ITEM = r"(?:(?!but\b|just\b|only\b|then\b)[a-z'-]+ ?){1,3}"
_LISTED = re.compile(
    rf"\b(?:{_LACKING}|{_LEAVE})\b {_ITEM}(?:, {_ITEM})*,? (?:or|nor) {_ITEM}|"
    rf"\b(?:without|excluding|sans|{_LEAVE})\b {_ITEM}(?:, {_ITEM})+,? and {_ITEM}"
)
"""Lists of which all is negated: "without wind, birds or people"."""
_COMMA = re.compile(r",(?: or| nor| and)? ")
_LEAVE_SPLIT = re.compile(r"\bleave (?P<what>[^,;.!?:()]+?) out\b")


def without_negations(text: str) -> tuple[str, tuple[str, ...]]:
    """A text in small letters without what it negates, and each thing that it negates. What is
    only denied to be very much so ("not too loud") is left out of both."""
    negated: list[str] = []

    def named(what: str) -> None:
        parts = [part.strip() for part in _LIST.split(what) if part.strip()]
        negated.extend(parts or [what.strip()])

    def cut(found: re.Match[str]) -> str:
        what, rest = found["what"], ""
        if end := _END.search(what):
            what, rest = what[: end.start()], what[end.end() :]
        named(what)
        return f", {rest}" if rest else ""

    def cut_word(found: re.Match[str]) -> str:
        named(found["what"] or found["also"])
        return ""

    def cut_clause(found: re.Match[str]) -> str:
        named(found["what"])
        return ""

    def cut_verb(found: re.Match[str]) -> str:
        words = [word for word in found["what"].split() if word not in SMALL_WORDS]
        negated.append(" ".join([*words, found["rest"].strip()]).strip())
        return ""

    text = _NOT_HOW.sub("", text)
    text = _LISTED.sub(lambda found: _COMMA.sub(" or ", found[0]), text)
    text = _LEAVE_SPLIT.sub(r"without \g<what>,", text)
    text = _LEFT_OUT.sub(cut_clause, text)
    text = _NOT_VERB.sub(cut_verb, text)
    text = _FREE.sub(cut_word, text)
    text = _NOT.sub(cut, text)
    return text.strip(" .,;!?:()"), tuple(negated)
