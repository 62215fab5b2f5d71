"""Whether an amount stands before a noun that it describes: `a five dollar bill`."""

from __future__ import annotations

import re

COUNTED = (
    "people|persons|inhabitants|residents|citizens|users|viewers|views|listeners|customers|clients|"
    "jobs|homes|households|houses|workers|employees|copies|followers|subscribers|downloads|"
    "visitors|visits|children|adults|voters|votes|shares|barrels|tonnes|tons|members|passengers|"
    "students|pupils|patients|cases|deaths|hectares|acres|units|items|words|lines|records|"
    "dollars|pounds|euros|yen|rupees|soldiers|troops|refugees|migrants|players|fans|guests|"
    "cars|vehicles|books|pages|species|cells|photos|images|songs|tracks|accounts|parts|"
    "sheep|cattle|trees|stars|miles|kilometres|kilometers|metres|meters|feet|calories|steps|hours|"
    "minutes|seconds|days|seats|parameters|tokens|points|men|women|families|animals|birds|stocks"
)
"""Nouns that are counted in large numbers."""

_NOUNS = re.compile(
    "bill|bills|note|notes|coin|coins|fine|fines|fee|fees|deal|deals|prize|prizes|gift|card|"
    "cards|ticket|tickets|tax|race|races|sprint|dash|run|runs|walk|walks|hike|swim|bag|bags|"
    "bottle|bottles|pack|packs|can|cans|box|boxes|jar|jars|pole|poles|rope|cable|cables|wire|"
    "fence|wall|board|boards|mark|limit|radius|stretch|drive|drives|flight|trip|zone|gap|jump|"
    "drop|climb|ride|journey|contract|contracts|investment|loan|loans|grant|grants|budget|"
    "project|fund|mansion|question|increase|rise|bonus|debt|bailout|lawsuit|settlement|penalty|"
    "reward|ransom|package|bond|bonds|bet|bounty|pledge|offer|stake|target|screen|screens|"
    "monitor|lens|stick|plot|tank|pipe|pipes|nail|nails|bolt|gun|hole|cake|pizza|sandwich|"
    "steak|weight|weights|dumbbell|dose|doses|tablet|tablets|pill|pills|capsule|capsules|bulb|"
    "bulbs|battery|batteries|charger|motor|engine|stamp|stamps|banknote|voucher|coupon|"
    "discount|raise|salary|wage|freestyle|hurdles|relay|butterfly|backstroke|breaststroke|"
    "ladder|ruler|buffer|window|line|lines"
)
_ONE = re.compile(r"\b(?:a|an|another|each|every|any|per)\s(?:[a-z]+ly\s|new\s|whole\s)?$", re.I)
_NEXT = re.compile(r"(?:\s|-)([a-z][\w']*)")
_NOT_A_NOUN = re.compile(
    "a|an|the|this|that|these|those|of|or|to|in|and|from|for|at|by|on|is|was|are|were|be|has|"
    "had|have|will|would|can|could|if|when|while|than|then|as|but|with|per|each|more|less|ago|"
    "later|away|apart|off|up|down|out|into|over|under|i|you|he|she|it|we|they|who|which|"
    "because|so|longer|shorter|higher|lower|wider|deeper|extra|total|only|too|now|here|there"
)
_WINDOW = 30


def is_attributive(text: str, begin: int, end: int) -> bool:
    """Whether the amount at `text[begin:end]` describes the noun after it."""
    found = _NEXT.match(text, end)
    if not found:
        return False
    word = found[1]
    if text[end] == "-":
        return True
    if _NOT_A_NOUN.fullmatch(word):
        return False
    before = text[max(0, begin - _WINDOW) : begin]
    if _ONE.search(before):
        return True
    return bool(_NOUNS.fullmatch(word))
