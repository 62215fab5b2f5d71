"""In which order a description names its sounds: "first X, then Y", "X before Y", numbered "
"lists."""

from __future__ import annotations

import re

from pipelines.models.foley.reading.counts import NUMBERS

# "now and then" and "one after the other" are no order.
_NO_ORDER = re.compile(
    r"\b(?:every )?(?:now and then|now and again)\b|\bone after (?:the other|another)\b"
)
_BEFORE = re.compile(
    r"^(?:right |just |shortly )?(?:before|prior to) (?P<later>[^,;]+?)(?:,| there (?:is|are)) "
    r"(?P<sooner>.+)$|"
    r"^(?P<sooner2>.+?),? (?:right |just |shortly |immediately )?(?:before|prior to|ahead of) "
    r"(?P<later2>.+)$"
)
_DONE = (
    r"(?:stops?|ends?|finish(?:es)?|is over|fades?(?: away| out)?|dies(?: away| down| out)?|"
    r"ceases?)"
)
_AFTER = re.compile(
    r"^(?:right |just |shortly |immediately )?(?:after|once|following|when|as soon as|"
    r"the moment) "
    r"(?P<sooner>[^,;]+?)(?:,| comes| follows| there (?:is|are|comes)| we hear| you hear) "
    r"(?P<later>.+)$|"
    rf"^as (?P<sooner3>[^,;]+? {_DONE}), (?P<later3>.+)$|"
    rf"^(?P<later4>.+?),? (?:just )?as (?P<sooner4>.+? {_DONE})$|"
    r"^(?P<later2>.+?),? (?:right |just |shortly |immediately )?(?:after|following|when|"
    r"as soon as|in response to|in reply to|triggered by|caused by|set off by) "
    r"(?P<sooner2>(?!dark\b|midnight\b|that\b|\w+ seconds?\b|a (?:while|moment|pause)\b).+)$"
)
_SUDDENLY = r"(?:suddenly|all of a sudden|out of nowhere|without warning|abruptly)"
_SET_OFF = (
    r"(?:which |that )?(?:prompt|caus|trigger|unleash|announc|herald)(?:s|es|ing)|sets? off|"
    r"setting off"
)
_FOLLOWED = (
    r"(?:is |are )?(?:immediately |soon |quickly |directly |promptly |closely )?(?:followed|"
    r"succeeded|"
    r"interrupted|replaced|cut (?:off|short)|answered|broken|shattered|superseded|joined later|"
    r"drowned out)(?: immediately| closely| shortly| soon| quickly| directly)? by"
)
_INTO = (
    r"(?:which |that )?(?:(?:turn|chang|transition|morph|mov|segue|evolv|transform|dissolv|melt|"
    r"blend|"
    r"crossfad|cross-fad|fad|merg|mutat|resolv|shift|pass|go)(?:s|es|ing|"
    r"ning)? (?:over )?into(?! (?:the )?(?:silence|nothing|distance|"
    r"background|night)\b)|"
    r"turn(?:s|ing)? to|chang(?:es|ing) to|(?:build|lead)(?:s|ing)? (?:up )?(?:in)?to|"
    r"culminat(?:es|ing) (?:in|with)|climax(?:es|ing) (?:in|with)|result(?:s|ing) in|"
    r"becoming(?= an? | the )|becomes(?= an? | the )|giv(?:e|es|ing) way to|mak(?:e|es|"
    r"ing) way for|"
    r"ceding to)"
)
_ENDING = (
    r"(?:and )?(?:ends?|ending|ended|finish|finishes|finishing|closes|closing|concludes|"
    r"concluding|topped off|rounded off|capped off|finished off) (?:with|in|by|on)"
)
_LATER = (
    r"(?:and )?(?:only )?then|once (?:that|this|it)(?: has| is|'s)? (?:finished|over|done|ended|"
    r"ends|"
    r"stops|stopped)|after(?:wards?| that| this| which| a while| a moment| a pause)|"
    r"upon which|whereupon|at which point|in (?:response|reply|answer|return)|as a result|"
    r"(?:a )?(?:few )?(?:moment|second|little|while|bit|minute)s? (?:later|after(?: that)?)|"
    r"shortly (?:after(?:wards?)?|thereafter)|"
    r"later(?: on)?|subsequently|eventually|next|finally|lastly|last(?=,|\s(?:an?|the)\b)|"
    r"(?:which )?preced(?:es|ing)|"
    r"at (?:the (?:very )?end|last)|in the end|thereafter|"
    r"until|till|(?:second|third|fourth|fifth)(?:ly)?(?=,|:|\s(?:an?|the)\b)"
)
_THEN = re.compile(
    rf"(?:[,;.]|\s)+(?:and |but |or )?(?:{_FOLLOWED}|{_LATER}|{_INTO}|{_ENDING})"
    r"(?:[\s,:]+|$)"
    r"(?:then |by |finally |there is |comes |follows |we hear |you hear )*"
    rf"|(?:[,;.] *(?:and |but |when )?|\s(?:when|and then|until|and) ){_SUDDENLY},? "
    rf"|(?:,|\s)+(?:{_SET_OFF}) (?=an? |the |\w+s\b)"
)
_TRAILING = re.compile(
    r"^(?P<first>.+?)(?:[,;.]| and| but) (?:and |but )?(?P<second>[^,;.]+?) (?:afterwards?|after|"
    r"later(?: on)?|next|at the end|in the end|at last|finally|follows?|thereafter|"
    r"in (?:response|reply|answer|return)|as a result)$"
)
_STARTS_WITH = re.compile(
    r"^(?P<first>[^,;]+?) (?:at|in) the (?:start|beginning)(?:[,;]| and)+ (?P<second>.+?)"
    r"(?: (?:at|towards) the end)?$|"
    r"^(?:at|in) the (?:start|beginning),? (?:there (?:is|are) )?(?P<first2>[^,;]+?)"
    r"(?:[,;]| and)+ (?:(?:at|towards) the end,? )(?:there (?:is|are) )?(?P<second2>.+)$|"
    r"^(?P<first3>[^,;]+?) \((?:start|beginning|first)\),? (?:and )?(?P<second3>[^,;]+?) "
    r"\((?:end|ending|then|second)\)?$"
)
_PRECEDED = re.compile(
    r"^(?P<later>.+?),? (?:(?:which is |is )?preceded by|follows(?: after| on)?) (?P<sooner>.+)$"
)
_PAUSE = re.compile(
    r"[,;.] (?:and )?(?:a )?(?:short |long |brief )?(?:pause|silence|break|beat of silence)[,;.] "
)
_NUMBERED = re.compile(
    r"(?:^|[\s,;.]+)(?:(?:step|part|sound|phase) )?(?:\(?(?:[1-9]|[a-e])[.)]|"
    r"(?:step|part|sound|phase) [1-9][:.)]?|(?:1st|2nd|3rd|4th|5th)[:,.)]?|"
    r"(?:first|second|third|fourth|fifth|sixth|finally|last|lastly|start|beginning|middle|end|"
    r"intro|outro):) *"
)
_RANK_AFTER = re.compile(
    r"^(?P<first>[^,;]+?) (?:at )?first[,;]? (?:and )?(?:then )?(?P<second>[^,;]+?) "
    r"(?:second|next|last|after|later|afterwards)$"
)
_OPENING = re.compile(
    r"^(?:(?:at )?first(?:ly)?(?: of all)?|to begin with|to start with|"
    r"(?:it |the (?:sound|clip|scene|audio) )?(?:starts?|starting|begins?|beginning|opens?|"
    r"opening) (?:off )?(?:with|by|as)|"
    r"initially|(?:at|in) the (?:start|beginning)(?: there (?:is|are))?)[\s,:]+"
    r"(?:comes |there (?:is|are) )?"
)
_DELAYED = re.compile(
    r"^(?P<what>.+?),? (?:after|at|following) (?:(?:about|around|exactly|a pause of) )?"
    r"(?P<time>[\w.]+)[\s-]+seconds?(?: of (?:complete |total )?silence| in| mark)?$|"
    r"^(?:after|at|following) (?:(?:about|around|exactly|a pause of) )?(?P<time2>[\w.]+)[\s-]+"
    r"seconds?(?: of (?:complete |total )?silence| in| mark)?,? (?P<what2>.+)$"
)
_QUIET_FIRST = re.compile(
    r"^(?P<what>.+?) after (?:a )?(?:(?:long|short|brief|moment of|few moments of) )*"
    r"(?:silence|pause)$"
)


def pieces(text: str) -> list[str]:
    """The steps of a text in small letters, in the order in which they are to be heard."""
    text = _NO_ORDER.sub("repeatedly", text)
    if found := _DELAYED.match(text):
        time, what = found["time"] or found["time2"], found["what"] or found["what2"]
        named = time.replace(".", "", 1).isdigit() or time in NUMBERS
        return [f"{time} seconds of silence" if named else "silence", *pieces(what)]
    if found := _QUIET_FIRST.match(text):
        return ["silence", *pieces(found["what"])]
    text = _PAUSE.sub(", then silence, then ", text)
    text = _NUMBERED.sub(", then ", text).removeprefix(", then ")
    for pattern in (_RANK_AFTER, _STARTS_WITH, _TRAILING):
        if found := pattern.match(text):
            first, second = (_group(found, name) for name in ("first", "second"))
            text = f"{first}, then {second}"
    split = [piece.strip(" ,;.") for piece in _THEN.split(_OPENING.sub("", text))]
    return [clean for piece in split if (clean := _OPENING.sub("", piece))] or [text]


def inverted(text: str) -> tuple[str, str] | None:
    """The two steps of "X before Y" or "Y after X", if the text has that form; X first. Whether
    both are sounds is for the caller to find out: "before dawn" is none."""
    if found := _PRECEDED.match(text):
        return found["sooner"], found["later"]
    for pattern in (_BEFORE, _AFTER):
        if found := pattern.match(text):
            return _OPENING.sub("", _group(found, "sooner")), _group(found, "later")
    return None


def _group(found: re.Match[str], name: str) -> str:
    """The one of the groups `name`, `name2`, ... that is there."""
    return next(
        text for key, text in found.groupdict().items() if text and key.rstrip("234") == name
    )
