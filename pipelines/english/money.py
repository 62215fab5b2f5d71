"""Amounts of money, as the words in which they are said."""

from __future__ import annotations

import re

from pipelines.english.attributive import is_attributive
from pipelines.english.currencies import (
    AFTER,
    AFTER_PATTERN,
    BEFORE,
    BEFORE_PATTERN,
    Currency,
)
from pipelines.english.number_words import NUMBER, Numbers, either, unit
from pipelines.english.units import PER_PATTERN, per

_SCALES = {
    **{"k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million"},
    **{"mln": "million", "MM": "million", "bn": "billion", "B": "billion", "b": "billion"},
    **{"bln": "billion", "tn": "trillion", "trn": "trillion", "T": "trillion"},
    **{word: word for word in ("hundred", "thousand", "million", "billion", "trillion")},
    **{"lakh": "lakh", "crore": "crore", "grand": "grand"},
}
SIGNS = {"-": "minus", "+": "plus", "±": "plus or minus", "~": "about"}
SIGN = r"(?:(?<![\w.)])(?P<sign>-|[+±~]\s?))?"

_RATE = PER_PATTERN.replace("?P<per>", "?:")
_SCALE = rf"(?:[\s-]?(?P<scale>{either(_SCALES)})(?:(?={_RATE}|/[$£€]|-[a-z])|(?![\w/-]|\s?\d)))?"
_LOW_SCALE = rf"(?:\s?(?P<low_scale>{either(_SCALES)}))?"
_RANGE = (
    rf"(?P<low>{NUMBER})(?:{_LOW_SCALE}\s?[-–—]\s?(?:{BEFORE_PATTERN})?(?P<high>{NUMBER}))?(?!\d)"
)
_PER = rf"(?:{PER_PATTERN})?"
_BEFORE = re.compile(
    rf"{SIGN}(?<![^\W\d_])(?P<symbol>{BEFORE_PATTERN})\s?(?P<minus>-)?{_RANGE}{_SCALE}{_PER}"
)
_AFTER = re.compile(
    rf"{SIGN}(?<![\w.,]){_RANGE}{_SCALE}\s?(?P<symbol>{AFTER_PATTERN})(?P<minus>(?!))?(?!\w){_PER}"
)
_COMMA = r"€|EUR|CHF|zl|Kc|kr|R\$|₺"
"""Currencies of languages that write a comma before the decimals."""
_DECIMAL_COMMA = re.compile(
    rf"(?<=[€₺])\s?\d{{1,3}}(?:\.\d{{3}})*,\d\d(?!\d)"
    rf"|(?<![\d.,])\d{{1,3}}(?:\.\d{{3}})*,\d\d(?=\s?(?:{_COMMA}))"
    r"|(?<![\d.,])\d{1,3}(?:\.\d{3})+,\d{1,2}(?![\d.,]\d)"
)
_DOTTED_THOUSANDS = re.compile(
    rf"(?<=[€₺₫])\s?\d{{1,3}}\.\d{{3}}(?![\d.])|(?<![\d.,])\d{{1,3}}\.\d{{3}}(?=\s?(?:{_COMMA}))"
)


def plain_amounts(text: str) -> str:
    """Amounts with points between thousands and a comma before decimals, written in English."""
    text = _DECIMAL_COMMA.sub(lambda m: m[0].replace(".", "").replace(",", "."), text)
    return _DOTTED_THOUSANDS.sub(lambda m: m[0].replace(".", ""), text)


def say_money(text: str, say: Numbers) -> str:
    """Amounts with a sign or a code of a currency in words: `A$5` is `five Australian dollars`."""
    text = _BEFORE.sub(lambda m: _amount(m, BEFORE[m["symbol"]], say), text)
    return _AFTER.sub(lambda m: _amount(m, AFTER[m["symbol"]], say), text)


def _amount(match: re.Match[str], currency: Currency, say: Numbers) -> str:
    low, high = match["low"], match["high"]
    scale = _SCALES[match["scale"]] if match["scale"] else ""
    low_scale = _SCALES[match["low_scale"]] if match["low_scale"] else ""
    sign = SIGNS[match["sign"].strip()] if match["sign"] else "minus" if match["minus"] else ""
    rate = per(match["per"]) if match["per"] else ""
    attributive = not rate and is_attributive(match.string, match.start(), match.end())
    if not scale and not low_scale and any(_has_parts(end, currency) for end in (low, high)):
        to = ["to", *_parts(high, currency, say, attributive)] if high else []
        return unit(sign, *_parts(low, currency, say, attributive), *to, rate)
    words = [say.number(low)]
    if high:
        words += [low_scale if low_scale != scale else "", "to", say.number(high)]
    alone = attributive or (low == "1" and not high and not scale)
    return unit(sign, *words, scale, currency.one if alone else currency.many, rate)


def _has_parts(amount: str | None, currency: Currency) -> bool:
    return bool(amount and currency.hundredth) and len((amount or "").partition(".")[2]) == 2


def _parts(amount: str, currency: Currency, say: Numbers, attributive: bool) -> list[str]:
    """Whole units and hundredths; of these alone, no `zero dollars`."""
    whole, _, cents = amount.replace(",", "").partition(".")
    whole, cents = whole or "0", cents or "00"
    one_part = attributive or cents == "01"
    part = currency.hundredth if one_part else currency.many_hundredths
    small = [say.cardinal(str(int(cents))), part]
    if int(whole) == 0 and cents != "00":
        country = currency.one.rpartition(" ")[0]
        return [small[0], country, small[1]]
    words = [say.cardinal(str(int(whole)))]
    words.append(currency.one if attributive or int(whole) == 1 else currency.many)
    return words if cents == "00" else [*words, "and", *small]
