"""Heteronyms that are two words by chance: a metal and a guide, a fish and a voice."""

from __future__ import annotations

from pipelines.english.place import ENDS, Place
from pipelines.english.tenses import MODAL

_METAL = (
    "pipe|pipes|paint|paints|poison*|metal*|toxic|pencil|pencils|bullet|bullets|weight|weights|"
    "zinc|copper|iron|tin|mercury|arsenic|plumb*|battery|batteries|crystal|glass|ore|mine|mines|"
    "mining|miner|roof|solder*|petrol|gasoline|fuel|alloy|heavy|melt*|molten|cadmium|shot|sinker|"
    "sinkers|exposure|contamina*|toy|toys|water|dust|levels|sheet|lining|acid|free|unleaded|oxide|"
    "blood|coffin|shield*|apron|atomic|element|grams|kilo*|pounds|tons|foil|type|plates|plate"
)


def lead_rule(place: Place) -> str | None:
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


def bass_rule(place: Place) -> str:
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


def bow_rule(place: Place) -> str:
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


def row_rule(place: Place) -> str:
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


def tear_rule(place: Place) -> str:
    if place.word(1) == "up":
        return (
            "cry"
            if not place.after(4)[1:2]
            or place.word(2) in ("at", "when", "every", "whenever", "and", "")
            else "rip"
        )
    if place.tag() == "V":
        return "rip" if not place.near("eyes") or place.next_to(before=MODAL) else "cry"
    if place.next_to(after="gas|drop*|duct*|gland*|stain*|rolled|fell|ran|down"):
        return "cry"
    if place.word(-1) == "and" or place.word(-2) == "wear":
        return "rip"
    if place.near(_CRYING):
        return "cry"
    return "rip" if place.near(_RIPPING) else "cry"


def tears_rule(place: Place) -> str:
    if place.near(
        "in|into|of|burst|eyes|cheek*|cry*|cried|wip*|shed*|with|her|his|my|their|laughter|joy|to",
        2,
    ):
        return "cry"
    return "rip" if place.tag() == "V" else "cry"


def minute_rule(place: Place) -> str | None:
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
        not place.word(1) or place.word(1) in (*ENDS, ",", "and", "but", "compared")
    ):
        return "tiny"
    return "time"


def number_rule(place: Place) -> str:
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


def polish_rule(place: Place) -> str:
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


def dove_rule(place: Place) -> str:
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


def does_rule(place: Place) -> str:
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


def sow_rule(place: Place) -> str:
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


def sewer_rule(place: Place) -> str:
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


def wind_rule(place: Place) -> str:
    if place.next_to(after="up|down") and place.next_to(before=MODAL + "|and|i|we|you|they"):
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
    ) and not place.next_to(before=MODAL):
        return "air"
    if not place.before() and place.next_to(after="the|your|this|it|that|a|my|his|her|them|up"):
        return "turn"
    return "turn" if place.tag() == "V" else "air"


def winds_rule(place: Place) -> str:
    through = place.next_to(
        after="through|around|along|up|down|its|past|between|across|his|her|the|back|into|over"
    )
    determined = place.kind(-1) in ("DET", "POSS", "PREP", "a", "CONJ", "#") or place.next_to(
        before="strong|high|trade|westerly|gale-force|prevailing|cold|hot|winds|hurricane*|gusty"
    )
    return "turn" if through and not determined else "air"


def wound_rule(place: Place) -> str:
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


def axes_rule(place: Place) -> str:
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


def bases_rule(place: Place) -> str:
    thought = "argument*|theory|claim*|belief*|conclusion*|decision*|ethics|law|reasoning"
    if place.next_to(after="of") and place.near(thought):
        return "basis"
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
