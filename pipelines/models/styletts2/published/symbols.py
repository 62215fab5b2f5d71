"""The symbol table of the published StyleTTS2 models: a symbol's id is its place.

Id 0 is padding and stands before every text.
"""

from __future__ import annotations

from string import ascii_letters, ascii_uppercase

_MARKS = ';:,.!?¡¿—…"«»“” '
_LETTERS = ascii_uppercase + ascii_letters[:26]
_IPA = (
    "ɑɐɒæɓʙβɔɕçɗɖðʤəɘɚɛɜɝɞɟʄɡɠɢʛɦɧħɥʜɨɪʝɭɬɫɮʟɱɯɰŋɳɲɴøɵɸθœɶʘɹɺɾɻʀʁɽʂʃʈʧʉʊʋⱱʌɣɤʍχʎʏʑʐʒʔʡʕʢǀǁǂǃ"
    "ˈˌːˑʼʴʰʱʲʷˠˤ˞↓↑→↗↘'\u0329'ᵻ"
)

SYMBOLS = "$" + _MARKS + _LETTERS + _IPA
"""All 178; the apostrophe stands twice."""

IDS = {symbol: place for place, symbol in enumerate(SYMBOLS)}
"""Id of every symbol: of one that stands twice, the later."""

PAUSES = frozenset("$" + _MARKS + "'")
"""Symbols that are not sounds."""


def encode(phonemes: str) -> list[int]:
    """Ids of a phoneme string, without the leading 0; symbols outside the table are dropped."""
    return [IDS[symbol] for symbol in phonemes if symbol in IDS]


def has_sound(phonemes: str) -> bool:
    """Whether a phoneme string holds anything that can be heard."""
    return any(symbol in IDS and symbol not in PAUSES for symbol in phonemes)
