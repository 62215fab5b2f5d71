"""ARPAbet, as the CMU Pronouncing Dictionary writes it, in IPA."""

from __future__ import annotations

import re

_SOUNDS = {
    **{"AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "EH": "ɛ", "ER": "ɜɹ"},
    **{"EY": "eɪ", "IH": "ɪ", "IY": "i", "OW": "oʊ", "OY": "ɔɪ", "UH": "ʊ", "UW": "u", "B": "b"},
    **{"CH": "tʃ", "D": "d", "DH": "ð", "F": "f", "G": "ɡ", "HH": "h", "JH": "dʒ", "K": "k"},
    **{"L": "l", "M": "m", "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t"},
    **{"TH": "θ", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ"},
}
_STRESS = {"1": "ˈ", "2": "ˌ"}
_SYMBOL = re.compile(r"([A-Za-z]{1,2})([012]?)")


def to_ipa(written: str) -> str:
    """`HH AH0 L OW1` as `həlˈoʊ`. Empty where a symbol is unknown."""
    sounds: list[str] = []
    for symbol in written.split():
        match = _SYMBOL.fullmatch(symbol)
        if match is None or match[1].upper() not in _SOUNDS:
            return ""
        name = match[1].upper()
        sound = "ə" if (name, match[2]) == ("AH", "0") else _SOUNDS[name]
        sounds.append(_STRESS.get(match[2], "") + sound)
    return "".join(sounds)
