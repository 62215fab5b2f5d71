"""Whether a description is in English, which is all that Foley understands."""

from __future__ import annotations

import re

from pipelines.models.foley.reading.word_lists import words

FOREIGN: dict[str, frozenset[str]] = {
    name: frozenset(words(text))
    for name, text in {
        "German": "der das ein eine einen einem einer und mit im auf ist nicht oder vom zum zur "
        "bei ohne über für laut leise starker starke regen donner hund hunde katze bellt "
        "bellender "
        "schritte tür klopfen klopft vögel zwitschern glocke meer wellen schuss feuer gewitter "
        "zuerst dann danach kein keine hof wald",
        "French": "le la les un une des du et avec dans sur est qui sans puis pluie tonnerre vent "
        "chien chat aboie miaule pas porte oiseaux cloche mer vagues coup feu bruit orage forte "
        "fort tombe sonne au aux",
        "Spanish": "el los las una unos unas y con en es que sin luego lluvia trueno truenos "
        "viento perro perros gato ladrando ladra pasos puerta pájaros campana olas disparo fuego "
        "ruido tormenta fuerte lejos del por",
        "Italian": "il gli uno una e con nel nella che senza poi pioggia tuono vento cane gatto "
        "abbaia passi porta uccelli campana mare onde sparo fuoco rumore temporale di della",
        "Portuguese": "os uma uns umas com no na em que sem depois chuva trovão vento cão cachorro "
        "gato latindo passos porta pássaros sino ondas tiro fogo barulho tempestade do da",
        "Dutch": "het een en met op niet zonder daarna regen donder hond kat blaft voetstappen "
        "deur vogels klok zee golven schot vuur geluid onweer de van",
        "Polish": "deszcz grzmot wiatr pies kot szczeka szczekanie kroki drzwi ptaki dzwon morze "
        "fale strzał ogień i z na bez potem burza",
        "Swedish": "och en ett med på utan regn åska hund skäller katt steg dörr fåglar hav vågor",
        "Turkish": "yağmur gök gürültüsü rüzgar köpek havlıyor kedi kapı kuş deniz ve ile bir",
    }.items()
}
"""Words that are frequent in descriptions in other languages."""
_ENGLISH = frozenset(
    words(
        "the a an of with and is are on at by for from into over while then followed no not "
        "without far away near distant loud quiet quietly loudly his her its it someone "
        "somebody two "
        "three sound rain thunder wind dog dogs cat door bell water fire car barks "
        "barking footsteps "
        "knock knocking birds singing ringing heavy soft old small big in to as through during"
    )
)
_SHARED = frozenset(
    words("a in on no as do me i de la le un e y en es da na la fort feu cat is fire")
)
"""Words of several languages, English among them, or too short to tell."""
_WORD = re.compile(r"[^\W\d_]+")
MOST_OTHER_LETTERS = 0.3
"""Share of letters outside the Latin script."""


def other_language(text: str) -> str | None:
    """The language or script of a text that is not in English, None where nothing tells so."""
    letters = [letter for letter in text if letter.isalpha()]
    other = sum(not _is_latin(letter) for letter in letters)
    if letters and other > MOST_OTHER_LETTERS * len(letters):
        return "another script than the Latin one"
    said = _WORD.findall(text.lower())
    english = sum(word in _ENGLISH for word in said)
    best, most = None, 0
    for name, known in FOREIGN.items():
        found = sum(word in known and word not in _ENGLISH for word in said)
        clear = any(word in known and word not in _SHARED | _ENGLISH for word in said)
        if clear and found > most:
            best, most = name, found
    return best if most > english and 3 * most >= len(said) else None


def _is_latin(letter: str) -> bool:
    code = ord(letter)
    return code < 0x250 or 0x1E00 <= code < 0x1F00 or 0xFF21 <= code < 0xFF5B
