"""Rules for heteronyms that their part of speech alone does not tell apart.

A rule gives the name of a reading in `data/heteronyms.tsv`, or None to leave the word to its part
of speech.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.english.context import probabilities, word_class

_ENDS = frozenset(".;!?:")
_FINITE_PAST = re.compile(
    r"(?:was|were|had|did|didn't|wasn't|weren't|said|went|came|saw|took|got|made|gave|found|told|"
    r"thought|knew|left|felt|kept|began|wrote|stood|ran|sat|heard|met|paid|fell|spoke|bought|"
    r"brought|slept|woke|cried|tried|[a-z]{3,}ed)"
)
_PAST_TIME = re.compile(
    r"(?:yesterday|ago|earlier|previously|formerly|recently|once|then|already|twice|when|"
    "before|until)"
)
_LAST = re.compile(r"(?:night|week|month|year|summer|winter|spring|autumn|fall|time|monday|tuesday|"
                   r"wednesday|thursday|friday|saturday|sunday|evening|century)")  # fmt: skip
_PRESENT_TIME = re.compile(
    r"(?:every|always|usually|often|never|sometimes|daily|now|today|tomorrow|regularly|rarely|each)"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A word in its text."""

    words: Sequence[str]
    at: int

    def word(self, offset: int) -> str:
        """A neighbour in lower case, `` beyond the ends."""
        at = self.at + offset
        return self.words[at].lower().replace("’", "'") if 0 <= at < len(self.words) else ""

    def kind(self, offset: int) -> str:
        """The class of a neighbour; `P` beyond the ends."""
        at = self.at + offset
        return word_class(self.words[at]) if 0 <= at < len(self.words) else "P"

    def before(self, count: int = 12) -> list[str]:
        """The words before it in its sentence, the nearest first."""
        found: list[str] = []
        for offset in range(1, count + 1):
            word = self.word(-offset)
            if not word or word in _ENDS:
                break
            found.append(word)
        return found

    def after(self, count: int = 12) -> list[str]:
        """The words after it in its sentence, the nearest first."""
        found: list[str] = []
        for offset in range(1, count + 1):
            word = self.word(offset)
            if not word or word in _ENDS:
                break
            found.append(word)
        return found

    def near(self, words: str, count: int = 9) -> bool:
        """Whether any of the words, separated by `|`, is in its sentence; stems end in `*`."""
        pattern = _either(words)
        return any(pattern.fullmatch(word) for word in (*self.before(count), *self.after(count)))

    def next_to(self, before: str = "", after: str = "") -> bool:
        """Whether the word right before or right after is one of these."""
        return bool(
            (before and _either(before).fullmatch(self.word(-1)))
            or (after and _either(after).fullmatch(self.word(1)))
        )

    def tag(self) -> str:
        """The likeliest part of speech."""
        word = self.word(0)
        likely = probabilities(self.words, self.at, ends_in_s=word.endswith("s"))
        likely["V"] *= 1.6
        return max(likely, key=lambda tag: likely[tag])


_CACHE: dict[str, re.Pattern[str]] = {}


def _either(words: str) -> re.Pattern[str]:
    if words not in _CACHE:
        _CACHE[words] = re.compile(words.replace("*", r"[\w'-]*"))
    return _CACHE[words]


_SUBJECTS = "i|we|you|they|who|people|everyone|everybody|he|she|it"
_HAVE = "have|has|had|having|i've|you've|we've|they've|he's|she's|haven't|hasn't|hadn't|i'd|we'd"
_BE = "is|are|was|were|be|been|being|isn't|wasn't|it's|that's|am|got|get|gets|getting"
_MODAL = (
    "to|will|would|can|could|may|might|must|shall|should|do|does|did|don't|doesn't|didn't|won't|"
    "can't|cannot|couldn't|wouldn't|shouldn't|i'll|you'll|he'll|she'll|we'll|they'll|let's|please|"
    "let|make|made|help|helps|helped"
)
_ADVERBS = (
    "never|ever|already|just|always|often|also|not|only|even|still|once|recently|finally|really|"
    "quickly|slowly|carefully|usually|sometimes|all|both|widely|now|then|aloud|hardly|barely|ly"
)


def _skip_adverbs(place: Place) -> list[str]:
    """The words before, without adverbs."""
    pattern = _either(_ADVERBS)
    return [w for w in place.before() if not (pattern.fullmatch(w) or w.endswith("ly"))]


def _read(place: Place) -> str:
    before = _skip_adverbs(place)
    nearest = before[0] if before else ""
    second = before[1] if len(before) > 1 else ""
    if _either(_MODAL).fullmatch(nearest):
        return "present"
    if _either(_HAVE).fullmatch(nearest) or _either(_BE).fullmatch(nearest):
        return "past"
    if _either(_SUBJECTS).fullmatch(nearest) or word_class(nearest or ".") in (
        "NNP",
        "n",
        "np",
        "p",
    ):
        if _either(_MODAL).fullmatch(second):  # did you read
            return "present"
        if _either(_HAVE).fullmatch(second):  # have you read
            return "past"
    if re.fullmatch("well|widely|most|best|least|much", place.word(-1)):
        return "past"
    if nearest in ("he", "she", "it") or (
        word_class(nearest or ".") in ("NNP", "n", "nv", "na", "nva") and place.before()
    ):
        return "past"  # the present would be `reads`
    if nearest in ("and", "or", "then", ",", "but") or not nearest:
        return _read_like_its_verbs(place, imperative=not nearest)
    return "past" if _is_past(place) else "present"


def _read_like_its_verbs(place: Place, *, imperative: bool) -> str:
    """After a conjunction a verb has the tense of the one before it; alone it is an order."""
    if imperative:
        passive = place.next_to(after="by|in|at|aloud|from") and place.word(1) != "aloud"
        return "past" if passive and place.word(1) == "by" else "present"
    earlier = place.before()
    for place_of, word in enumerate(earlier):
        if _either(_MODAL).fullmatch(word):
            return "present"
        if _FINITE_PAST.fullmatch(word):
            return "past"
        if word_class(word) in ("v", "nv", "vz") and place_of > 0:
            break
    return "past" if _is_past(place) else "present"


def _is_past(place: Place) -> bool:
    around = [*place.before(), *place.after()]
    if any(_PRESENT_TIME.fullmatch(word) for word in around):
        return False
    for word, following in zip(around, [*around[1:], ""], strict=True):
        if word == "last" and _LAST.fullmatch(following):
            return True
    if any(word == "last" for word in around) and any(_LAST.fullmatch(w) for w in around):
        return True
    if any(_PAST_TIME.fullmatch(word) for word in around if word not in ("then", "before", "when")):
        return True
    return any(_FINITE_PAST.fullmatch(word) for word in around) and not any(
        re.fullmatch("will|would|can|could|should|must|if", word) for word in around
    )


_METAL = (
    "pipe|pipes|paint|paints|poison*|metal*|toxic|pencil|pencils|bullet|bullets|weight|weights|"
    "zinc|copper|iron|tin|mercury|arsenic|plumb*|battery|batteries|crystal|glass|ore|mine|mines|"
    "mining|miner|roof|solder*|petrol|gasoline|fuel|alloy|heavy|melt*|molten|cadmium|shot|sinker|"
    "sinkers|exposure|contamina*|toy|toys|water|dust|levels|sheet|lining|acid|free|unleaded|oxide|"
    "blood|coffin|shield*|apron|atomic|element|grams|kilo*|pounds|tons|foil|type|plates|plate"
)


def _lead(place: Place) -> str | None:
    if place.word(-1) in ("made",) or (
        place.word(-2) == "made" and place.word(-1) in ("of", "from")
    ):
        return "metal"
    if place.next_to(after="poison*|paint|paints|pipe|pipes|pencil|pencils|bullet|bullets|acid|ore|"
                     "weight|weights|shot|battery|batteries|foil|crystal|glass|mine|mines|oxide|"
                     "exposure|contamination|levels|sinker*|solder*|roof*|apron|shield*|"
                             "dust|toys|free"):  # fmt: skip
        return "metal"
    if place.next_to(after="singer|singers|role|roles|guitar*|actor|actress|story|time|author|"
                     "investigator|vocals|vocalist|to|us|me|him|her|them|you|the|a|over|"
                             "by|from|into|"
                     "off|on|character|car|runner|designer|engineer|developer|teacher|lawyer|up|"
                     "through|his|their|our|my|your"):  # fmt: skip
        return None if place.word(1) not in ("from", "by", "on") else _lead_by_sense(place)
    if place.next_to(before="i|we|you|they|to|will|would|can|could|may|might|must|should|not|who|"
                     "roads|stairs|don't|doesn't|didn't|that|does|did|do|let|please|early|"
                             "take|took|"
                     "taking|narrow|commanding|two-point|goal|point|points"):  # fmt: skip
        return "guide"
    return _lead_by_sense(place)


def _lead_by_sense(place: Place) -> str:
    if place.tag() == "V" and not place.next_to(
        before="of|with|like|as|from|in|through|contain*|and|or|heavy|much"
    ):
        return "guide"
    if place.next_to(before="the|a|an|his|her|their|our|my|your|its|no|this|that"):
        following = place.word(1)
        if (
            following == "of"
            or not place.near(_METAL)
            or place.near(
                "race|game|election|poll*|team|half|goal*|match|singer|band|score*|votes|points"
            )
        ):
            return "guide"
    return (
        "metal"
        if place.near(_METAL)
        or place.next_to(before="of|with|like|as|contain*|molten|heavy|much|from|through")
        else "guide"
    )


_FISH = (
    "fish*|caught|catch*|lake|river|sea|striped|largemouth|smallmouth|grill*|fried|cook*|boat|"
    "hook*|pond|bait|fillet*|trout|salmon|cod|lemon|butter|ate|eat|chef|angler|reel*|rod|net|"
    "fresh*|water|school|black"
)
_MUSIC = (
    "guitar*|play*|drum*|sing*|sang|choir|voice|band|music*|sound|clef|line|loud*|deep|treble|"
    "song|solo|string*|note*|speaker*|boost*|amp|jazz|double|bassist|beat|violin|cello|turn|"
    "volume|pump*"
)


def _bass(place: Place) -> str:
    if place.next_to(
        after=(
            "guitar*|drum*|clef|line|lines|player*|voice|note*|solo|string*|part|singer|sound|"
            "amp|tone"
        )
    ):
        return "music"
    if place.next_to(after="fish*|boat*") or place.next_to(
        before="sea|striped|largemouth|smallmouth|black|caught|catch|grilled|fried"
    ):
        return "fish"
    return "fish" if place.near(_FISH) and not place.near(_MUSIC) else "music"


_SHIP = (
    "ship*|boat*|vessel*|stern|deck|sail*|wave*|mast|anchor|port|starboard|hull|captain|sea|"
    "yacht|canoe|iceberg|dock"
)
_ARCHER = (
    "arrow*|archer*|tie|tied|tying|ribbon|hair|violin*|cello*|string*|knot|quiver|shot|shoot*|"
    "hunt*|drew|draw*|bent|gift|present*|shoe*|pink|red|blue|silk|neck|fiddle|loop|aim*|tie*|"
    "wore|wearing|target|cross|long"
)
_BENDING = (
    "head|audience|stage|curtain|applause|king|queen|emperor|low|deep|deeply|took|take|takes|"
    "taking|final|knee*|respect*|polite|politely|performance|actor*|dancer*|conductor|slight|"
    "graceful*"
)


def _bow(place: Place) -> str:
    if place.next_to(after="tie*|and|string*|hunter*|hunting") and not place.near(_BENDING):
        return "weapon"
    bending = place.next_to(after="to|before|down|out|your|his|her|their|my|our|deeply|politely")
    if bending and not place.near("arrow*|violin*|ribbon|hair"):
        return "bend"
    if place.near("arrow*|archer*|ribbon|violin*|cello*|quiver|bowstring|fiddle|knot|silk|hair"):
        return "weapon"
    if place.near(_SHIP) or place.near(_BENDING):
        return "bend"
    if place.tag() == "V":
        return "bend"
    return "weapon"


_QUARREL = (
    "quarrel*|argu*|terrible|blazing|noisy|shout*|fight*|furious|angry|political|diplomatic|"
    "heated|flaming|neighbours|neighbors|huge|big|violent|bitter|erupt*|public|broke|family|"
    "money|over|about|between|couple|wife|husband|sparked|ugly"
)
_LINE = (
    "seat*|boat*|back-row|house*|column*|table|tree*|chair*|desk*|corn|line*|number*|letter*|"
    "oar*|lake|river|across|skid|death|spreadsheet|data|names|bean*|cell*|upper|lower|knit*|"
    "teeth|every|each|gently"
)


def _row(place: Place) -> str:
    if place.next_to(
        after="of|boat*|house*|number*|upon|across|up|down|back|toward*|ashore|out|the|a|away|your"
    ):
        return "line"
    if (place.word(-1) == "a" and place.word(-2) == "in") or place.tag() == "V":
        return "line"
    if place.near(_LINE, 5) or place.next_to(
        before="front|back|first|second|third|last|top|bottom|middle|next"
    ):
        return "line"
    return "quarrel" if place.near(_QUARREL) else "line"


_CRYING = (
    "cheek*|eye|eyes|face|cry*|cried|weep*|wept|sad*|roll*|shed*|single|wip*|fell|burst*|sob*|"
    "joy|gland*|duct*|gas|drop*|stream*|hanky|tissue|emotion*|grief|weddings|wedding|laughter|"
    "lash*|nose|blink*|well*|onion*"
)
_RIPPING = (
    "paper|muscle*|ligament|jacket|shirt|trouser*|fabric|cloth|hole|page*|wrap*|apart|down|"
    "off|out|open|rip*|jean*|dress|wear|sail|tendon|meniscus|curtain*|pocket|sleeve|seam|"
    "retina*|small|tent|net|piece*|letter|skin|bag|mend*|repair*|sew*|stitch*|costume"
)


def _tear(place: Place) -> str:
    if place.word(1) == "up":
        return (
            "cry"
            if not place.after(4)[1:2]
            or place.word(2) in ("at", "when", "every", "whenever", "and", "")
            else "rip"
        )
    if place.tag() == "V":
        return "rip" if not place.near("eyes") or place.next_to(before=_MODAL) else "cry"
    if place.next_to(after="gas|drop*|duct*|gland*|stain*|rolled|fell|ran|down"):
        return "cry"
    if place.word(-1) == "and" or place.word(-2) == "wear":
        return "rip"
    if place.near(_CRYING):
        return "cry"
    return "rip" if place.near(_RIPPING) else "cry"


def _tears(place: Place) -> str:
    if place.near(
        "in|into|of|burst|eyes|cheek*|cry*|cried|wip*|shed*|with|her|his|my|their|laughter|joy|to",
        2,
    ):
        return "cry"
    return "rip" if place.tag() == "V" else "cry"


def _minute(place: Place) -> str | None:
    if place.next_to(
        before="a|the|such|very|extremely|most|in|these|those|with|of|found|contains|every|even|"
    ) and place.next_to(
        after=(
            "amount*|detail*|trace*|particle*|quantit*|crack*|difference*|fraction*|change*|"
            "variation*|dose*|creature*|hole*|organism*|piece*|portion*|speck*|fragment*|"
            "insect*|bit|bits|scratch*|examination|grain*|quantity"
        )
    ):
        return "tiny"
    if place.next_to(
        after=(
            "amount*|detail*|trace*|particle*|quantit*|fraction*|difference*|crack*|"
            "variation*|speck*|fragment*|scratch*|grain*|dose*|organism*|quantity"
        )
    ):
        return "tiny"
    if place.next_to(before="very|extremely|so|too|incredibly|almost") and not place.next_to(
        after="of"
    ):
        return "tiny"
    if place.next_to(before="is|are|was|were|seem*|remain*") and (
        not place.word(1) or place.word(1) in (*_ENDS, ",", "and", "but", "compared")
    ):
        return "tiny"
    return "time"


def _number(place: Place) -> str:
    compared = place.next_to(
        before=(
            "grew|grow|grows|growing|get|gets|got|getting|feel|feels|felt|even|much|become|"
            "became|becoming|far|turned|went"
        )
    )
    if compared and not place.next_to(after="of|one|two|three|four|five"):
        return "numb"
    if place.next_to(after="than|and") and place.near(
        "numb|cold*|finger*|toe*|feet|hand*|lip*|leg*|arm*"
    ):
        return "numb"
    return "count"


def _polish(place: Place) -> str:
    capital = place.words[place.at][0] == "P"
    first = not place.before()
    nation = (
        "people|language|team|border|president|government|army|zloty|food|sausage*|immigrant*|"
        "vase|king|film|woman|man|citizen*|plumber*|name|poet|composer|worker*|grandmother|"
        "soldier*|prime|village|and|jew*|heritage|hospital*|kitchen|restaurant|friend*|"
        "neighbour*|girl|boy|family|school|history|accent|pottery|company|news*|football*|"
        "writer|astronomer|airline|cavalry|pope"
    )
    if not capital:
        return "shine"
    if not first:
        return "nation"
    if place.next_to(
        after=(
            "the|your|my|his|her|their|our|it|up|off|them|this|that|these|those|all|and|with|"
            "each|every|until|a"
        )
    ):
        return "shine"
    return "nation" if place.near(nation, 4) or place.next_to(after="is|was|are") else "shine"


def _dove(place: Place) -> str:
    if (
        place.next_to(
            after=(
                "into|off|in|under|down|for|headfirst|deep|straight|from|through|overboard|right|"
                "beneath|out|after|behind"
            )
        )
        and place.kind(-1) not in ("DET", "POSS")
        and not place.next_to(
            before="white|turtle|rock|mourning|grey|gray|dead|young|first|little|lone|wild|single"
        )
    ):
        return "dived"
    subject = place.next_to(
        before="he|she|i|we|they|it|you|and|then|who|just|never|suddenly|immediately|quickly"
    )
    return "dived" if subject and place.kind(1) in ("PREP", "POSS", "r") else "bird"


def _does(place: Place) -> str:
    plural = place.next_to(
        before=(
            "the|two|three|four|five|six|several|some|many|these|those|female|and|bucks|few|"
            "of|pregnant|young|grazing|wild"
        )
    )
    if not plural or (place.word(-1) == "and" and not place.near("buck*|stag*|fawn*|deer|herd")):
        return "verb"
    deer = place.near(
        "buck*|stag*|fawn*|deer|herd|graz*|forest|wood*|ran|meadow|leapt|field|hunt*|fled|"
        "wolves|rabbit*|jumped|licked|nursed|stood"
    )
    return (
        "deer"
        if deer or place.next_to(after="and|with|in|were|are|had|grazed|ran|have")
        else "verb"
    )


def _sow(place: Place) -> str:
    if (
        place.near(
            "piglet*|pig|pigs|boar|litter|sty|farrow*|mud|farmyard|nurs*|suckl*|trough|"
            "barn|pork|hog*"
        )
        and place.tag() != "V"
    ):
        return "pig"
    if place.next_to(
        before="the|a|an|our|his|her|their|pregnant|old|big|fat|that|this"
    ) and not place.next_to(after="seed*|the|oats|corn|wheat|and reap"):
        return "pig" if not place.next_to(before="to|will|they|we") else "plant"
    return "plant"


def _sewer(place: Place) -> str:
    craft = (
        "dress*|needle*|thread|fabric|stitch*|skilled|seam*|quilt*|cloth*|sewing|talented|"
        "garment*|costume*|tailor*|pattern*|hem*|shirt*|keen|curtain*|expert|experienced|"
        "machine"
    )
    return (
        "stitch"
        if place.near(craft)
        and not place.near(
            "pipe*|drain*|rat|rats|water|system|street|smell|city|flood*|manhole|underground"
        )
        else "drain"
    )


def _wind(place: Place) -> str:
    if place.next_to(after="up|down") and place.next_to(before=_MODAL + "|and|i|we|you|they"):
        return "turn"
    if place.next_to(
        before=(
            "the|a|strong|cold|north|south|east|west|no|high|bitter|light|icy|warm|of|"
            "prevailing|solar|against|tail|head|second|this|that|her|his|some|gentle|rain|"
            "with|much|breath|and"
        )
    ) and not (place.word(-1) in ("that", "and") and place.tag() == "V"):
        return "air"
    if place.next_to(
        after=(
            "and|blew|blows|was|is|speed*|turbine*|farm*|power|energy|chill|chimes|"
            "instrument*|tunnel|direction|from|howled|whistled|has|had|will|came"
        )
    ) and not place.next_to(before=_MODAL):
        return "air"
    if not place.before() and place.next_to(after="the|your|this|it|that|a|my|his|her|them|up"):
        return "turn"
    return "turn" if place.tag() == "V" else "air"


def _winds(place: Place) -> str:
    through = place.next_to(
        after="through|around|along|up|down|its|past|between|across|his|her|the|back|into|over"
    )
    determined = place.kind(-1) in ("DET", "POSS", "PREP", "a", "CONJ", "#") or place.next_to(
        before="strong|high|trade|westerly|gale-force|prevailing|cold|hot|winds|hurricane*|gusty"
    )
    return "turn" if through and not determined else "air"


def _wound(place: Place) -> str:
    if place.word(-1).endswith("'s"):
        return "injury"
    if place.next_to(
        before=(
            "a|an|the|my|your|his|her|its|our|their|this|that|deep|old|open|fatal|flesh|stab|"
            "gunshot|bullet|head|knife|each|every|fresh|bleeding|no|gaping|bite|healing|one|"
            "exit|entry|surgical|to|could|can|will|would|may|might|must|not|did|didn't|"
            "mortally|self-inflicted"
        )
    ):
        return "injury"
    if place.next_to(
        after=(
            "around|round|up|through|down|itself|its|into|along|tightly|past|back|between|"
            "across|about|on|his|the|her|a|it|their|my|by|together"
        )
    ):
        return "turned"
    return "injury" if place.tag() == "N" else "turned"


def _axes(place: Place) -> str:
    if place.near(
        "graph*|label*|chart*|plot*|x|y|z|vertical|horizontal|coordinate*|rotat*|symmetr*|"
        "parallel|perpendicular|major|minor|both|ellipse|cartesian|scale*|optical|"
        "crystal*|two|three|diagram"
    ):
        return (
            "axis"
            if not place.near(
                "chop*|wood*|lumber*|logg*|swing|swung|sharp*|battle|stone|fire*|tree*|"
                "throw*|blade*|viking*|weapon*"
            )
            else "axe"
        )
    return "axe"


def _bases(place: Place) -> str:
    return (
        "basis"
        if place.next_to(
            before=(
                "theoretical|legal|factual|scientific|philosophical|moral|biological|neural|"
                "chemical|nitrogenous|logical|conceptual|evidential"
            )
        )
        and not place.near("acid*|dna")
        else "base"
    )


def _invalid(place: Place) -> str:
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


def _resume(place: Place) -> str:
    if place.tag() == "N" or place.next_to(
        before="a|your|my|his|her|their|our|the|this|updated|impressive|good|an|strong|each"
    ):
        return "document"
    return "verb"


def _refuse(place: Place) -> str:
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


def _incense(place: Place) -> str:
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


def _entrance(place: Place) -> str | None:
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


def _used(place: Place) -> str:
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


def _use(place: Place) -> str | None:
    if (
        place.word(1) == "to"
        and place.next_to(before="didn't|did|never")
        and place.kind(2) != "DET"
    ):
        return None
    return "noun" if place.word(-2) in ("it's", "is", "was") and place.word(-1) == "no" else None


def _close(place: Place) -> str | None:
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


def _live(place: Place) -> str | None:
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


def _lives(place: Place) -> str | None:
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


def _upset(place: Place) -> str | None:
    return (
        "noun"
        if place.next_to(before="an|major|stomach|big|biggest|the|huge|shock")
        and place.tag() == "N"
        else "verb"
    )


def _perfect(place: Place) -> str | None:
    if place.next_to(before="to|will|helped|can|and") and place.next_to(
        after="the|his|her|their|my|your|our|its|this|a|it"
    ):
        return "verb"
    return None


def _moped(place: Place) -> str:
    return (
        "verb"
        if place.next_to(before="he|she|i|we|they|you|and|just|who")
        or (
            place.next_to(after="around|about|all|for")
            and not place.next_to(before="a|the|his|her|my")
        )
        else "noun"
    )


def _learned(place: Place) -> str:
    scholar = place.next_to(
        before="a|the|most|very|his|her|my|our|many|some|more|these|those"
    ) and place.next_to(
        after=(
            "man|men|woman|women|scholar*|professor*|friend*|society|societies|journal*|"
            "judge*|colleague*|counsel|people|doctor*|book*|paper*|and|treatise|discourse"
        )
    )
    return "adjective" if scholar else "verb"


def _blessed(place: Place) -> str:
    noun = place.next_to(before="the|a|this|every|that|our|whole") and not place.next_to(
        after="with|by"
    )
    return "adjective" if noun else "verb"


def _aged(place: Place) -> str:
    if place.next_to(
        after=(
            "parent*|mother|father|aunt|uncle|relative*|man|woman|king|couple|grandmother|"
            "grandfather|care|patient*|and"
        )
    ):
        return "adjective" if not place.next_to(after="care") else "verb"
    noun = place.word(-1) == "the" and place.kind(1) in ("CONJ", "P", "BE", "PREP", "MOD", "d")
    return "adjective" if noun else "verb"


def _dogged(place: Place) -> str:
    return (
        "verb"
        if place.next_to(after="by|him|her|them|the|me|us|his|it")
        or place.next_to(before="has|have|had|been|is|was|were|are")
        else "adjective"
    )


def _beloved(place: Place) -> str:
    return (
        "verb"
        if place.next_to(after="by|of")
        and not place.next_to(before="his|her|my|our|their|your|the")
        else "adjective"
    )


def _cursed(place: Place) -> str:
    if (
        place.next_to(before="the|this|that|a")
        and place.kind(1) not in ("PREP", "P")
        and place.tag() != "V"
    ):
        return "adjective"
    return "verb"


def _slough(place: Place) -> str:
    return (
        "shed"
        if place.next_to(after="off|away|its|their") or place.next_to(before="to|will|cells|snakes")
        else "marsh"
    )


def _buffet(place: Place) -> str | None:
    return (
        "hit"
        if place.next_to(before="winds|waves|storms|to|gales|will|can|would")
        and place.next_to(after="the|us|them|our|it|his|its|coast*|ships")
        else "food"
    )


def _putting(place: Place) -> str:
    return (
        "golf"
        if place.next_to(after="green*|practice|stroke*|surface")
        or place.near("golf*|birdie|putter|tee|caddie", 6)
        else "place"
    )


def _multiply(place: Place) -> str:
    return (
        "adverb"
        if place.next_to(after="charged|disabled|injured|handicapped|connected|divorced|infected")
        else "verb"
    )


def _primer(place: Place) -> str:
    return (
        "paint"
        if place.near(
            "paint*|coat*|wall*|wood|metal|spray*|apply*|applied|bullet*|cartridge*|lip|"
            "nail|makeup|dna|pcr|undercoat|surface|sand*|brush"
        )
        else "book"
    )


def _pate(place: Place) -> str:
    return (
        "paste"
        if place.near(
            "liver|toast|bread|duck|cracker*|starter|spread|goose|eat|ate|served|mushroom|"
            "salmon|chicken|menu|cheese"
        )
        else "head"
    )


def _unionized(place: Place) -> str:
    return (
        "ion"
        if place.near("atom*|molecule*|ammonia|solution|acid*|drug|gas|ph|form|particle*")
        else "union"
    )


def _named(
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


def _august(place: Place) -> str:
    capital = place.words[place.at][0].isupper()
    return "month" if capital else "adjective"


def _compact(place: Place) -> str | None:
    return "noun" if place.next_to(after="disc*|car*|camera*|size|design") else None


_TO_PLACE = "in|from|to|near|at|of|visit*|around|outside|toward*|for|through"

RULES: dict[str, Callable[[Place], str | None]] = {
    **{"read": _read, "reread": _read, "lead": _lead, "bass": _bass, "bow": _bow, "bows": _bow},
    **{"row": _row, "rows": _row, "tear": _tear, "tears": _tears, "minute": _minute},
    **{"number": _number, "polish": _polish, "dove": _dove, "does": _does, "sow": _sow},
    **{"sows": _sow, "sewer": _sewer, "wind": _wind, "winds": _winds, "wound": _wound},
    **{"axes": _axes, "bases": _bases, "invalid": _invalid, "resume": _resume, "refuse": _refuse},
    **{"incense": _incense, "entrance": _entrance, "used": _used, "use": _use, "close": _close},
    **{"live": _live, "lives": _lives, "upset": _upset, "perfect": _perfect, "moped": _moped},
    **{"learned": _learned, "blessed": _blessed, "aged": _aged, "dogged": _dogged},
    **{"beloved": _beloved, "cursed": _cursed, "slough": _slough, "buffet": _buffet},
    **{"putting": _putting, "multiply": _multiply, "primer": _primer, "pate": _pate},
    **{"unionized": _unionized, "august": _august, "compact": _compact},
    "nice": _named(
        "city", "good", "france|french|riviera|cannes|monaco|marseille|paris", _TO_PLACE
    ),
    "reading": _named(
        "city",
        "verb",
        "england|berkshire|london|university|festival",
        _TO_PLACE,
        "station|festival|university",
    ),
    "mobile": _named("city", "adjective", "alabama", "in|from|to|near|visit*|outside"),
    "lima": _named("city", "bean", "peru*|of", _TO_PLACE),
    "job": _named("prophet", "work", "book|bible|prophet|patience|suffer*|trials", "book of"),
    "tarry": lambda place: (
        "tar"
        if place.tag() == "A" and place.next_to(before="a|the|black|thick|sticky")
        else "delay"
    ),
}
