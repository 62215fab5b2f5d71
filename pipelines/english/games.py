"""Scores, odds and moves of games, as the words in which they are said.

They look like dates, fractions and telephone numbers, so that they are said before those.
"""

from __future__ import annotations

import re

from pipelines.english.number_words import Numbers, unit

_SENTENCE = r"[^.!?\n]"
_CRICKET = re.compile(
    r"\b(?:wickets?|innings|overs|all out|declared?|batsm[ae]n|batters?|bowlers?|cricket\w*|"
    r"stumps|run chase)\b",
    re.I,
)
_WICKETS = re.compile(r"(?<![\w/.,-])(\d{2,3})/(\d|10)(?:\s?(?:d|dec)\b)?(?![\w/]|[.,]\d)")
_BETTING = re.compile(
    r"\b(?:odds|bookies|bookmakers?|bookmakers'|betting|each-way|wager\w*)\b", re.I
)
_FANCIED = re.compile(r"\s(?:on\s)?(?:joint\s)?(?:favou?rites?|shots?|outsiders?|on,)\b")
_ODDS = re.compile(r"(?<![\w/.,-])(\d{1,3})/(\d{1,2})(?![\w/]|[.,]\d)")
_RECORD = re.compile(r"(?<![\w.,/-])(?:\d{1,2}-){2,3}\d{1,2}(?![\w/-]|[.,]\d)")
_EVEN = re.compile(
    r"(?<![\w.,/$£€+-])([1-9]\d?)[-–]\1(?![\w/%-]|[.,:]\d|\s?[=+*×<>]|\s[a-z]{1,3}\b)"
)

_SQUARE = "[a-h][1-8]"
_MOVE = re.compile(
    rf"(?<![\w.-])(?:(?P<piece>[KQRBN])(?P<from>[a-h]?[1-8]?)(?P<takes>x?)(?P<to>{_SQUARE})"
    rf"|(?P<pawn>[a-h])x(?P<taken>{_SQUARE})|(?P<plain>{_SQUARE})|(?P<castle>O-O(?:-O)?|0-0(?:-0)?))"
    r"(?:=(?P<promoted>[QRBN]))?(?P<check>[+#]?)(?![\w-])"
)
_TELLING = re.compile(
    rf"(?<![\w.-])(?:[KQRBN][a-h1-8]?x{_SQUARE}|[a-h]x{_SQUARE}|[KQRBN][a-h1-8]?{_SQUARE}[+#]|"
    rf"\d+\.\s?{_SQUARE}\s[a-hKQRBN]|{_SQUARE}=[QRBN])|\b(?:chess|checkmate|O-O)\b"
)
_MOVE_NUMBER = re.compile(
    rf"(?<![\w.,])(\d{{1,3}})\.(?:\.\.)?\s?(?=(?:[KQRBN]?[a-h]?x?{_SQUARE}|O-O))"
)
_PIECES = {"K": "king", "Q": "queen", "R": "rook", "B": "bishop", "N": "knight"}
_CHECKS = {"": "", "+": "check", "#": "mate"}
_AROUND = 80


def say_games(text: str, say: Numbers) -> str:
    """Scores, odds and moves: `245/8` in a cricket match is `two hundred forty-five for eight`."""
    if _TELLING.search(text):
        text = _MOVE_NUMBER.sub(lambda m: f"{say.cardinal(m[1])}, ", text)
        text = _MOVE.sub(lambda m: _move(m, say), text)
    text = _WICKETS.sub(lambda m: _beside(m, "for", say) if _near(m, _CRICKET) else m[0], text)
    text = _ODDS.sub(lambda m: _beside(m, "to", say) if _is_odds(m) else m[0], text)
    text = _RECORD.sub(lambda m: _record(m[0], say), text)
    return _EVEN.sub(lambda m: unit(say.cardinal(m[1]), say.cardinal(m[1])), text)


def _beside(match: re.Match[str], word: str, say: Numbers) -> str:
    return unit(say.cardinal(match[1]), word, say.cardinal(match[2]))


def _near(match: re.Match[str], words: re.Pattern[str]) -> bool:
    begin, end = max(0, match.start() - _AROUND), match.end() + _AROUND
    return bool(words.search(match.string, begin, end))


def _is_odds(match: re.Match[str]) -> bool:
    return bool(_FANCIED.match(match.string, match.end())) or (
        match[1] != match[2] and _near(match, _BETTING)
    )


def _record(written: str, say: Numbers) -> str:
    """`12-3-1`: wins, losses and draws, or a formation; codes have longer groups or zeros."""
    groups = written.split("-")
    if any(group[0] == "0" for group in groups) or all(len(group) == 2 for group in groups):
        return written
    return ", ".join(say.cardinal(group) for group in groups)


def _move(match: re.Match[str], say: Numbers) -> str:
    check = _CHECKS[match["check"]]
    if match["castle"]:
        return unit("castles", "long" if len(match["castle"]) > len("O-O") else "short", check)
    square = match["to"] or match["taken"] or match["plain"]
    who = _PIECES[match["piece"]] if match["piece"] else (match["pawn"] or "").upper()
    start = " ".join(_place(sign, say) for sign in match["from"] or "")
    takes = "takes" if match["takes"] or match["pawn"] else ""
    to = " ".join(_place(sign, say) for sign in square)
    new = _PIECES[match["promoted"]] if match["promoted"] else ""
    return unit(who, start, takes, to, new, check)


def _place(sign: str, say: Numbers) -> str:
    return say.cardinal(sign) if sign.isdigit() else sign.upper()
