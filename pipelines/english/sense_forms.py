"""Heteronyms for which the tagger sees too little, and names that are also words."""

from __future__ import annotations

import re
from collections.abc import Callable

from pipelines.english.context import word_class
from pipelines.english.place import Place


def invalid_rule(place: Place) -> str:
    if place.next_to(
        after="mother|father|wife|husband|child|children|son|daughter|sister|brother|aunt|uncle|"
        "parent|parents|soldier*|relative*"
    ):
        return "sick"
    if place.next_to(
        before=(
            "an|the|elderly|old|chronic|this|that|bedridden|poor|her|his|permanent|young|"
            "confirmed|wheelchair"
        )
    ):
        after = place.kind(1)
        noun_follows = (
            after
            not in ("PREP", "BE", "HAVE", "MOD", "P", "CONJ", "SUBJ", "SUB", "DO", "d", "dn", "ADV")
            and "z" not in after
            and not after.endswith("d")
        )
        if not noun_follows or not place.word(1):
            return "sick"
    return "void"


def resume_rule(place: Place) -> str:
    if place.tag() == "N" or place.next_to(
        before="a|your|my|his|her|their|our|the|this|updated|impressive|good|an|strong|each"
    ):
        return "document"
    return "verb"


def refuse_rule(place: Place) -> str:
    rubbish = place.next_to(
        after=(
            "collect*|bin*|dump*|truck*|disposal|heap*|sack*|bag*|is|was|and|from|lorry|chute|in|on"
        )
    )
    noun = place.next_to(
        before=(
            "the|household|of|our|their|domestic|garden|kitchen|this|all|more|with|burning|"
            "collect*|dump*|human|his|her|my|your"
        )
    )
    if noun and (place.tag() != "V" or rubbish):
        return "rubbish"
    return "rubbish" if place.tag() == "N" and (rubbish or noun) else "verb"


def incense_rule(place: Place) -> str:
    return (
        "anger"
        if place.next_to(before="to|will|would|may|might|could|not|only|can")
        and place.next_to(
            after=(
                "the|many|some|his|her|him|them|people|those|voters|fans|critics|our|my|its|"
                "their|local|a|both|even"
            )
        )
        else "smoke"
    )


def entrance_rule(place: Place) -> str | None:
    verbal = place.next_to(
        after=(
            "us|you|them|him|me|audiences|every|her|listeners|viewers|all|visitors|readers|"
            "everyone|children|any|the|crowds|its|his|their"
        )
    )
    if verbal and (
        place.tag() == "V"
        or place.next_to(before="to|will|would|can|could|and|never|always|may|might")
    ):
        return "charm"
    return "door"


def used_rule(place: Place) -> str:
    if place.word(1) != "to":
        return (
            "custom"
            if place.word(-1) in ("didn't", "did", "use") and place.word(1) == "to"
            else "verb"
        )
    if place.next_to(before="is|are|was|were|be|been|being|it's") and place.kind(2) not in (
        "DET",
        "POSS",
        "OBJ",
        "DEM",
        "g",
        "gn",
        "gnv",
    ):
        follows = place.word(2)
        if word_class(follows or ".").startswith(("v", "nv")) or follows in ("be", "do", "have"):
            passive = not re.fullmatch("i|you|we|they|he|she|people|everyone", place.word(-2))
            return "verb" if passive else "custom"
    return "custom"


def use_rule(place: Place) -> str | None:
    if (
        place.word(1) == "to"
        and place.next_to(before="didn't|did|never")
        and place.kind(2) != "DET"
    ):
        return None
    return "noun" if place.word(-2) in ("it's", "is", "was") and place.word(-1) == "no" else None


def close_rule(place: Place) -> str | None:
    if place.next_to(
        after=(
            "to|friend*|relative*|by|enough|call|range|proximity|relationship*|ties|contact|"
            "attention|together|encounter*|shave|up|quarters|look|race|watch|second|finish|"
            "match|game|behind|family|colleague*|cousin*|ally|allies|resemblance"
        )
    ):
        verbal = place.next_to(
            before="to|will|please|i'll|they'll|we'll|must|can|could|would|should|don't|they|we|you"
        ) and place.next_to(after="up|to|together|by|family|game|ranks")
        if (
            place.word(1) == "to"
            and place.next_to(before="to|will|must|should")
            and place.word(2) in ("the", "visitors", "traffic", "customers")
        ):
            return "verb"
        if not verbal or place.word(1) in ("friends", "enough", "range"):
            return "adjective"
        if place.word(1) == "to":
            return "adjective"
        return "verb"
    if place.next_to(
        before=(
            "very|so|too|as|really|pretty|quite|how|more|extremely|fairly|came|come|comes|"
            "coming|stay|stayed|stand|stood|sit|sat|get|got|keep|kept|hold|held|draw|drew|is|"
            "are|was|were|be|been|am|i'm|we're|they're|you're|it's|that's|remain*|feel|felt|"
            "up|stick|stuck|this|move|moved|follow*|cut|run|ran|live|lives|lived|lean*|pulled|"
            "hugged|hold"
        )
    ):
        return "adjective"
    if place.next_to(before="the|a", after="") and place.word(1) == "of":
        return "verb"  # the close of play
    return None


def live_rule(place: Place) -> str | None:
    if place.next_to(
        before=(
            "go|goes|went|going|broadcast|shown|streamed|aired|recorded|sing|sang|perform*|"
            "played|play|reporting|reported|coming|watch*|see|saw|is|was|are|were|stream*|air|"
            "airs|report*"
        )
    ) and not place.next_to(after="in|with|on a|near|here|there|alone|together|for|to"):
        return "adjective"
    if (
        place.next_to(
            after=(
                "music|show|shows|album|broadcast*|concert*|audience*|performance*|television|tv|"
                "wire*|bait|stream*|video*|ammunition|animals|band|coverage|event*|recording*|"
                "chat|feed|version|update*|session*|blog|rounds|stock|birth*|action|theatre|"
                "theater|sport*|virus|vaccine*|demo|data|from"
            )
        )
        and place.word(1) != "from"
        and (
            place.tag() != "V"
            or not place.next_to(before="to|i|we|you|they|who|people|animals|can|will")
        )
    ):
        return "adjective"
    return None


def lives_rule(place: Place) -> str | None:
    if place.next_to(
        before="he|she|it|who|that|one|everyone|somebody|nobody|which|still|now|also|never"
    ):
        return "verb"
    if place.kind(-1) in ("POSS", "#") or place.next_to(
        before=(
            "of|save*|saving|saved|many|their|human|lost|lose|two|three|nine|several|past|"
            "private|daily|everyday|other|our|your|lives|real|take|took|change*|ruin*|risk*"
        )
    ):
        return "noun"
    return None


def upset_rule(place: Place) -> str | None:
    return (
        "noun"
        if place.next_to(before="an|major|stomach|big|biggest|the|huge|shock")
        and place.tag() == "N"
        else "verb"
    )


def perfect_rule(place: Place) -> str | None:
    if place.next_to(before="to|will|helped|can|and") and place.next_to(
        after="the|his|her|their|my|your|our|its|this|a|it"
    ):
        return "verb"
    return None


def moped_rule(place: Place) -> str:
    return (
        "verb"
        if place.next_to(before="he|she|i|we|they|you|and|just|who")
        or (
            place.next_to(after="around|about|all|for")
            and not place.next_to(before="a|the|his|her|my")
        )
        else "noun"
    )


def learned_rule(place: Place) -> str:
    scholar = place.next_to(
        before="a|the|most|very|his|her|my|our|many|some|more|these|those"
    ) and place.next_to(
        after=(
            "man|men|woman|women|scholar*|professor*|friend*|society|societies|journal*|"
            "judge*|colleague*|counsel|people|doctor*|book*|paper*|and|treatise|discourse"
        )
    )
    return "adjective" if scholar else "verb"


def blessed_rule(place: Place) -> str:
    noun = place.next_to(before="the|a|this|every|that|our|whole") and not place.next_to(
        after="with|by"
    )
    return "adjective" if noun else "verb"


def aged_rule(place: Place) -> str:
    if place.next_to(
        after=(
            "parent*|mother|father|aunt|uncle|relative*|man|woman|king|couple|grandmother|"
            "grandfather|care|patient*|and"
        )
    ):
        return "adjective" if not place.next_to(after="care") else "verb"
    noun = place.word(-1) == "the" and place.kind(1) in ("CONJ", "P", "BE", "PREP", "MOD", "d")
    return "adjective" if noun else "verb"


def dogged_rule(place: Place) -> str:
    return (
        "verb"
        if place.next_to(after="by|him|her|them|the|me|us|his|it")
        or place.next_to(before="has|have|had|been|is|was|were|are")
        else "adjective"
    )


def beloved_rule(place: Place) -> str:
    return (
        "verb"
        if place.next_to(after="by|of")
        and not place.next_to(before="his|her|my|our|their|your|the")
        else "adjective"
    )


def cursed_rule(place: Place) -> str:
    if (
        place.next_to(before="the|this|that|a")
        and place.kind(1) not in ("PREP", "P")
        and place.tag() != "V"
    ):
        return "adjective"
    return "verb"


def slough_rule(place: Place) -> str:
    return (
        "shed"
        if place.next_to(after="off|away|its|their") or place.next_to(before="to|will|cells|snakes")
        else "marsh"
    )


def buffet_rule(place: Place) -> str | None:
    return (
        "hit"
        if place.next_to(before="winds|waves|storms|to|gales|will|can|would")
        and place.next_to(after="the|us|them|our|it|his|its|coast*|ships")
        else "food"
    )


def putting_rule(place: Place) -> str:
    return (
        "golf"
        if place.next_to(after="green*|practice|stroke*|surface")
        or place.near("golf*|birdie|putter|tee|caddie", 6)
        else "place"
    )


def multiply_rule(place: Place) -> str:
    return (
        "adverb"
        if place.next_to(after="charged|disabled|injured|handicapped|connected|divorced|infected")
        else "verb"
    )


def primer_rule(place: Place) -> str:
    return (
        "paint"
        if place.near(
            "paint*|coat*|wall*|wood|metal|spray*|apply*|applied|bullet*|cartridge*|lip|"
            "nail|makeup|dna|pcr|undercoat|surface|sand*|brush"
        )
        else "book"
    )


def pate_rule(place: Place) -> str:
    return (
        "paste"
        if place.near(
            "liver|toast|bread|duck|cracker*|starter|spread|goose|eat|ate|served|mushroom|"
            "salmon|chicken|menu|cheese"
        )
        else "head"
    )


def unionized_rule(place: Place) -> str:
    return (
        "ion"
        if place.near("atom*|molecule*|ammonia|solution|acid*|drug|gas|ph|form|particle*")
        else "union"
    )


def named(
    city: str, common: str, near: str, before: str, after: str = ""
) -> Callable[[Place], str]:
    """For a name of a place or a person that is also a word."""

    def rule(place: Place) -> str:
        capital = place.words[place.at][0].isupper()
        if not capital:
            return common
        if (
            place.next_to(before=before)
            or (after and place.next_to(after=after))
            or place.near(near, 6)
        ):
            return city
        return common

    return rule


def august_rule(place: Place) -> str:
    capital = place.words[place.at][0].isupper()
    return "month" if capital else "adjective"


def compact_rule(place: Place) -> str | None:
    return "noun" if place.next_to(after="disc*|car*|camera*|size|design") else None
