"""Pronunciation dictionaries: rules that a user keeps for calls that name them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from xml.sax.saxutils import escape

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from pipelines.english.arpabet import to_ipa
from pipelines.english.reading import pronounceable
from pipelines.protocol import Pronunciation
from serve_app.accounts.credits import lock_account
from serve_app.db.models import PronunciationDictionary
from serve_app.errors import ApiError, invalid
from serve_app.ids import is_id, new_id

MAX_DICTIONARIES, MAX_RULES = 100, 1_000
MAX_CHARACTERS = 200
"""Of what a rule is for, and of what it says instead."""
MAX_LOCATORS = 3
_PLS = "http://www.w3.org/2005/01/pronunciation-lexicon"
Alphabet = Literal["ipa", "cmu-arpabet"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Words, and an alias or sounds for them."""

    string_to_replace: str
    alias: str = ""
    phoneme: str = ""
    alphabet: Alphabet = "ipa"
    """Of the sounds."""

    def pronunciation(self) -> Pronunciation:
        ipa = to_ipa(self.phoneme) if self.alphabet == "cmu-arpabet" else self.phoneme
        return Pronunciation(self.string_to_replace, self.alias, ipa)

    def check(self, field: str) -> None:
        """Raises ApiError 422 for `field`."""
        for name in ("string_to_replace", "alias", "phoneme"):
            value = getattr(self, name)
            if len(value) > MAX_CHARACTERS or (value and not value.isprintable()):
                message = f"{name} must have at most {MAX_CHARACTERS} characters that can be seen."
                raise invalid(f"{field}.{name}", message)
        if not self.string_to_replace.strip():
            raise invalid(f"{field}.string_to_replace", "string_to_replace must not be empty.")
        if bool(self.alias.strip()) == bool(self.phoneme.strip()):
            raise invalid(field, "A rule has either an alias or a phoneme.")
        if self.phoneme and not pronounceable(self.pronunciation().ipa):
            message = f"phoneme has no sounds in the alphabet {self.alphabet}."
            raise invalid(f"{field}.phoneme", message)


def rules_of(found: PronunciationDictionary) -> list[Rule]:
    return [Rule(**each) for each in found.rules]  # type: ignore[arg-type]


def create(
    session: Session, user_id: str, name: str, description: str, rules: Sequence[Rule], now: float
) -> PronunciationDictionary:
    """Raises ApiError 422, and 403 `too_many_dictionaries`."""
    lock_account(session, user_id)
    count = select(func.count()).where(PronunciationDictionary.user_id == user_id)
    if session.scalars(count).one() >= MAX_DICTIONARIES:
        message = f"An account may have {MAX_DICTIONARIES} pronunciation dictionaries."
        raise ApiError(403, "too_many_dictionaries", message)
    made = PronunciationDictionary(
        id=new_id(),
        user_id=user_id,
        name=_checked("name", name, 100),
        description=_checked("description", description, 500, empty=True),
        created_at=now,
        version=new_id(),
        rules=_checked_rules(rules),
    )
    session.add(made)
    session.flush()
    return made


def find(
    session: Session, user_id: str, dictionary_id: str, *, lock: bool = False
) -> PronunciationDictionary:
    """Raises ApiError 404 `pronunciation_dictionary_not_found`."""
    found = None
    if is_id(dictionary_id):
        found = session.get(PronunciationDictionary, dictionary_id, with_for_update=lock or None)
    if found is None or found.user_id != user_id:
        message = "There is no such pronunciation dictionary."
        raise ApiError(404, "pronunciation_dictionary_not_found", message)
    return found


def page(
    session: Session, user_id: str, limit: int, after: str | None
) -> list[PronunciationDictionary]:
    """The next of a user's, newest first, after the one of an id."""
    place = tuple_(PronunciationDictionary.created_at, PronunciationDictionary.id)
    wanted = select(PronunciationDictionary).where(PronunciationDictionary.user_id == user_id)
    if after is not None:
        last = find(session, user_id, after)
        wanted = wanted.where(place < tuple_(last.created_at, last.id))
    newest_first = wanted.order_by(
        PronunciationDictionary.created_at.desc(), PronunciationDictionary.id.desc()
    )
    return list(session.scalars(newest_first.limit(limit)))


def rename(found: PronunciationDictionary, name: str) -> None:
    """Raises ApiError 422."""
    found.name = _checked("name", name, 100)


def add(found: PronunciationDictionary, rules: Sequence[Rule]) -> None:
    """Adds rules; those for the same words are replaced. Raises ApiError 422."""
    new = {rule.string_to_replace: rule for rule in rules}
    old = [rule for rule in rules_of(found) if rule.string_to_replace not in new]
    replace_all(found, [*old, *new.values()])


def remove(found: PronunciationDictionary, words: Sequence[str]) -> None:
    gone = set(words)
    replace_all(found, [rule for rule in rules_of(found) if rule.string_to_replace not in gone])


def replace_all(found: PronunciationDictionary, rules: Sequence[Rule]) -> None:
    """Raises ApiError 422."""
    found.rules = _checked_rules(rules)
    found.version = new_id()


def named(session: Session, user_id: str, locators: Any) -> list[Pronunciation]:
    """The rules of the dictionaries that a call names, in order. Raises ApiError 422, and 404 for
    one that there is not."""
    field = "pronunciation_dictionary_locators"
    if not isinstance(locators, list) or len(locators) > MAX_LOCATORS:
        raise invalid(field, f"{field} must be a list of at most {MAX_LOCATORS}.")
    found: list[Pronunciation] = []
    for locator in locators:
        wanted = locator if isinstance(locator, dict) else {}
        dictionary_id, version = wanted.get("pronunciation_dictionary_id"), wanted.get("version_id")
        if not isinstance(dictionary_id, str):
            raise invalid(field, "A locator needs a pronunciation_dictionary_id.")
        dictionary = find(session, user_id, dictionary_id)
        if version not in (None, dictionary.version):
            message = f"That version is gone; the dictionary is at {dictionary.version}."
            raise ApiError(404, "pronunciation_dictionary_version_not_found", message)
        found += (rule.pronunciation() for rule in rules_of(dictionary))
    return found


def from_pls(data: bytes) -> list[Rule]:
    """The rules of a file in the W3C's Pronunciation Lexicon Specification. Raises ApiError 422."""
    # In UTF-16 a declaration would not be found.
    if b"\0" in data or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        message = "The file must be UTF-8, and declare no document type and no entities."
        raise invalid("file", message)
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - declares no entities
    except ElementTree.ParseError as error:
        raise invalid("file", "The file is not a lexicon in XML.") from error
    alphabet = root.get("alphabet", "ipa").removeprefix("x-")
    if alphabet not in ("ipa", "cmu-arpabet"):
        raise invalid("file", "The alphabet of the lexicon must be ipa or cmu-arpabet.")
    rules: list[Rule] = []
    for lexeme in root.findall(f"{{{_PLS}}}lexeme"):
        alias = lexeme.findtext(f"{{{_PLS}}}alias", "").strip()
        phoneme = "" if alias else lexeme.findtext(f"{{{_PLS}}}phoneme", "").strip()
        rules += (
            Rule((each.text or "").strip(), alias, phoneme, alphabet)  # type: ignore[arg-type]
            for each in lexeme.findall(f"{{{_PLS}}}grapheme")
        )
        if len(rules) > MAX_RULES:
            raise _too_many_rules()
    return rules


def to_pls(rules: Sequence[Rule]) -> str:
    """The same, the other way. Sounds of ARPAbet become IPA."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<lexicon version="1.0" xmlns="{_PLS}" alphabet="ipa" xml:lang="en">',
    ]
    for rule in rules:
        said = rule.pronunciation()
        tag, value = ("alias", said.alias) if said.alias else ("phoneme", said.ipa)
        grapheme = escape(rule.string_to_replace)
        lines.append(
            f"  <lexeme><grapheme>{grapheme}</grapheme><{tag}>{escape(value)}</{tag}></lexeme>"
        )
    return "\n".join([*lines, "</lexicon>", ""])


def _checked(field: str, value: str, most: int, *, empty: bool = False) -> str:
    cleaned = value.strip()
    if len(cleaned) > most or not (cleaned or empty) or not (cleaned.isprintable() or not cleaned):
        raise invalid(field, f"{field} must have {0 if empty else 1} to {most} characters.")
    return cleaned


def _too_many_rules() -> ApiError:
    return invalid("rules", f"A dictionary may have {MAX_RULES} rules.")


def _checked_rules(rules: Sequence[Rule]) -> list[dict[str, str]]:
    if len(rules) > MAX_RULES:
        raise _too_many_rules()
    for place, rule in enumerate(rules):
        rule.check(f"rules.{place}")
    return [asdict(rule) for rule in rules]
