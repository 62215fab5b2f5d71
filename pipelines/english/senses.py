"""Rules for heteronyms that their part of speech alone does not tell apart.

A rule gives the name of a reading in `data/heteronyms.tsv`, or None to leave the word to its part
of speech.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.english.place import Place
from pipelines.english.sense_forms import (
    aged_rule,
    august_rule,
    beloved_rule,
    blessed_rule,
    buffet_rule,
    close_rule,
    compact_rule,
    cursed_rule,
    dogged_rule,
    entrance_rule,
    incense_rule,
    invalid_rule,
    learned_rule,
    live_rule,
    lives_rule,
    moped_rule,
    multiply_rule,
    named,
    pate_rule,
    perfect_rule,
    primer_rule,
    putting_rule,
    refuse_rule,
    resume_rule,
    slough_rule,
    unionized_rule,
    upset_rule,
    use_rule,
    used_rule,
)
from pipelines.english.sense_words import (
    axes_rule,
    bases_rule,
    bass_rule,
    bow_rule,
    does_rule,
    dove_rule,
    lead_rule,
    minute_rule,
    number_rule,
    polish_rule,
    row_rule,
    sewer_rule,
    sow_rule,
    tear_rule,
    tears_rule,
    wind_rule,
    winds_rule,
    wound_rule,
)
from pipelines.english.tenses import read_rule

_TO_PLACE = "in|from|to|near|at|of|visit*|around|outside|toward*|for|through"

RULES: dict[str, Callable[[Place], str | None]] = {
    **{
        "read": read_rule,
        "reread": read_rule,
        "lead": lead_rule,
        "bass": bass_rule,
        "bow": bow_rule,
        "bows": bow_rule,
    },
    **{
        "row": row_rule,
        "rows": row_rule,
        "tear": tear_rule,
        "tears": tears_rule,
        "minute": minute_rule,
    },
    **{
        "number": number_rule,
        "polish": polish_rule,
        "dove": dove_rule,
        "does": does_rule,
        "sow": sow_rule,
    },
    **{
        "sows": sow_rule,
        "sewer": sewer_rule,
        "wind": wind_rule,
        "winds": winds_rule,
        "wound": wound_rule,
    },
    **{
        "axes": axes_rule,
        "bases": bases_rule,
        "invalid": invalid_rule,
        "resume": resume_rule,
        "refuse": refuse_rule,
    },
    **{
        "incense": incense_rule,
        "entrance": entrance_rule,
        "used": used_rule,
        "use": use_rule,
        "close": close_rule,
    },
    **{
        "live": live_rule,
        "lives": lives_rule,
        "upset": upset_rule,
        "perfect": perfect_rule,
        "moped": moped_rule,
    },
    **{"learned": learned_rule, "blessed": blessed_rule, "aged": aged_rule, "dogged": dogged_rule},
    **{
        "beloved": beloved_rule,
        "cursed": cursed_rule,
        "slough": slough_rule,
        "buffet": buffet_rule,
    },
    **{
        "putting": putting_rule,
        "multiply": multiply_rule,
        "primer": primer_rule,
        "pate": pate_rule,
    },
    **{"unionized": unionized_rule, "august": august_rule, "compact": compact_rule},
    "nice": named("city", "good", "france|french|riviera|cannes|monaco|marseille|paris", _TO_PLACE),
    "reading": named(
        "city",
        "verb",
        "england|berkshire|london|university|festival",
        _TO_PLACE,
        "station|festival|university",
    ),
    "mobile": named("city", "adjective", "alabama", "in|from|to|near|visit*|outside"),
    "lima": named("city", "bean", "peru*|of", _TO_PLACE),
    "job": named("prophet", "work", "book|bible|prophet|patience|suffer*|trials", "book of"),
    "tarry": lambda place: (
        "tar"
        if place.tag() == "A" and place.next_to(before="a|the|black|thick|sticky")
        else "delay"
    ),
}
