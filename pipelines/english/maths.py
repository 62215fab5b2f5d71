"""Sums, powers, ratios and dimensions, as the words in which they are said."""

from __future__ import annotations

import re

from pipelines.english.number_words import Numbers, unit

_OPERAND = r"-?(?:\d+(?:[.,]\d+)*[a-zA-Z]?|[a-zA-Z]|π)(?:\^-?\w+)?(?!\w)"
_OPERATION = re.compile(rf"(?<![\w/.,'-]){_OPERAND}(?:\s?[-+*/×÷=·]\s?{_OPERAND})+(?![\w/])")
_CERTAIN = re.compile(r"[=+*×÷·]")
_OPERATORS = {
    **{"-": " minus ", "+": " plus ", "*": " times ", "×": " times ", "·": " times "},
    **{"/": " divided by ", "÷": " divided by ", "=": " equals "},
}
_OPERATOR = re.compile(r"(?<=[\w)])\s?([-+*/×÷=·])\s?(?=[-\wπ(])")
_SCIENTIFIC = re.compile(r"(?<![\w.])(-?)(\d+(?:\.\d+)?)[eE]([+-]?)(\d{1,3})(?![\w.]*\w)")
_POWER = re.compile(r"\^\s?\{?([-+]?)(\d+|[a-zA-Z])?([+-]?)(?!\w)\}?")
_NAMED_POWERS = {"2": "squared", "3": "cubed"}
_LARGE = r"\d{3,5}"
_RESOLUTION = re.compile(r"(?<![\w.,])(\d{3,4})\s?[xX×]\s?(\d{3,4})(?![\w.,]\d|\w)")
_UNITS_BY = re.compile(r"(\d\s?(?:in\.|in|ft\.?|cm|mm|m|km|px|\"|'))\s?[xX×]\s?(?=\d)")
_BY = re.compile(
    rf"(?<=\d)(?:(?<!\b0)\s?[xX]\s?(?=\d)|\s?×\s?(?=\d+(?:\.\d+)?\s?(?:cm|mm|m|km|in|ft|px|'|\")))"
    rf"|(?<={'[0-9]' * 3})\s?×\s?(?={_LARGE}\b)"
)
_MANIFOLD = re.compile(r"(?<=\d)[xX×](?!\w)")
_SAID = "plus|minus|equals|over|times|divided by"
_TERM_BEFORE = re.compile(rf"(?:[=+*/<>]\s?|\b(?:{_SAID})\s)\d+$")
_TERM_AFTER = re.compile(
    rf"\s?[+=^*/<>≤≥]|\s-\s\d|\s(?:(?:{_SAID})\s(?:\d|[b-z]\b)|squared|cubed|to the power)"
)
_BY_A_POWER = re.compile(r"(?<=\d)\s?[xX]\s?(?=10\^)")
_RATIO = re.compile(r"(?<![\w:.,])(\d{1,4})(?::| : )(\d{1,3}(?:,\d{3})+|\d{1,4})(?![\w:])")
_TIMES = re.compile(r"(?<=\d)\s?[×*·]\s?(?=\d)")
_COMPARED = re.compile(
    r"(?<![\w)\]])(?:(?<![\w)]\s)|(?<=\b(?:and|are|for|was) )|(?<=\b(?:is|of|at|to|or|by) ))"
    r"(<=|>=|[<>≤≥])\s?(?=[-$£€]?\d)"
)
_COMPARISONS = {
    **{"<": "less than ", ">": "more than ", "≤": "at most ", "<=": "at most "},
    **{"≥": "at least ", ">=": "at least "},
}


def say_operations(text: str, say: Numbers) -> str:
    """Sums and powers: in a sum a hyphen is a minus, a slash divides. `1920×1080` is a size."""
    text = _BY_A_POWER.sub(" × ", text)
    text = _RESOLUTION.sub(lambda m: unit(say.pairs(m[1]), "by", say.pairs(m[2])), text)
    text = _UNITS_BY.sub(r"\1 by ", text)
    text = _SCIENTIFIC.sub(lambda m: _scientific(m, say), text)
    text = _OPERATION.sub(_operation, text)
    text = _COMPARED.sub(lambda m: _COMPARISONS[m[1]], text)
    text = _POWER.sub(lambda m: _power(m, say), text)
    return text


def say_dimensions(text: str) -> str:
    """Lengths by lengths: `4x4` is `four by four`."""
    return _BY.sub(" by ", text)


def say_ratios(text: str, say: Numbers) -> str:
    """Multiples (`10x`) and ratios (`16:9`)."""
    text = _MANIFOLD.sub(_manifold, text)
    text = _RATIO.sub(lambda m: unit(say.cardinal(m[1]), "to", say.number(m[2])), text)
    return _TIMES.sub(" times ", text)


def _scientific(match: re.Match[str], say: Numbers) -> str:
    sign, mantissa, minus, exponent = match.groups()
    return unit(
        "minus" if sign else "",
        say.number(mantissa),
        "times ten to the power of",
        "minus" if minus == "-" else "",
        say.cardinal(str(int(exponent))),
    )


def _operation(match: re.Match[str]) -> str:
    if not _CERTAIN.search(match[0]):
        return match[0]
    return _OPERATOR.sub(lambda m: _OPERATORS[m[1]], match[0])


def _manifold(match: re.Match[str]) -> str:
    """`3x` is three times, but in `2x + 3 = 9` twice an unknown."""
    begin, end = match.span()
    term = _TERM_BEFORE.search(match.string[:begin]) or _TERM_AFTER.match(match.string, end)
    return " x" if term else " times"


def _power(match: re.Match[str], say: Numbers) -> str:
    sign, exponent, charge = match.groups()
    if not exponent:
        return {"-": " minus", "+": " plus"}.get(sign, " ")
    said = say.cardinal(exponent) if exponent.isdigit() else exponent
    if charge:
        return f" {said} {'plus' if charge == '+' else 'minus'}"
    if not sign and exponent in _NAMED_POWERS:
        return f" {_NAMED_POWERS[exponent]} "
    return f" to the power of {'minus ' if sign == '-' else ''}{said} "
