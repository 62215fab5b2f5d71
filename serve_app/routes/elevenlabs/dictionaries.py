"""Pronunciation dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Query as FromQuery

from serve_app.db.models import PronunciationDictionary, User
from serve_app.errors import ApiError, invalid
from serve_app.field_rules import between
from serve_app.http.access import CurrentUser, StateDep
from serve_app.http.app_state import AppState
from serve_app.http.forms import file_of, form_of, text_of
from serve_app.http.schemas.common import ForeignBody
from serve_app.http.work import reads, writes
from serve_app.media import dictionaries
from serve_app.media.dictionaries import Rule

router = APIRouter(prefix="/v1/pronunciation-dictionaries")

Json = dict[str, Any]


class RuleBody(ForeignBody):
    string_to_replace: str
    type: Literal["alias", "phoneme"]
    alias: str = ""
    phoneme: str = ""
    alphabet: Literal["ipa", "cmu-arpabet"] = "ipa"

    def rule(self) -> Rule:
        if self.type == "alias":
            return Rule(self.string_to_replace, alias=self.alias)
        return Rule(self.string_to_replace, phoneme=self.phoneme, alphabet=self.alphabet)


class RulesBody(ForeignBody):
    rules: list[RuleBody]

    def all(self) -> list[Rule]:
        return [each.rule() for each in self.rules]


class NewDictionary(RulesBody):
    name: str
    description: str | None = None


class Removal(ForeignBody):
    rule_strings: list[str]


class Change(ForeignBody):
    name: str | None = None
    archived: bool | None = None


@router.post("/add-from-rules")
@writes
def add_from_rules(body: NewDictionary, user: CurrentUser, state: StateDep) -> Json:
    return _created(state, user, body.name, body.description or "", body.all())


@router.post("/add-from-file")
async def add_from_file(user: CurrentUser, state: StateDep, request: Request) -> Json:
    async with form_of(request) as form:
        name, description = text_of(form, "name"), text_of(form, "description")
        data = await file_of(form, "file").read()
    if len(data) > state.settings.max_body_bytes:
        raise invalid("file", f"file may have {state.settings.max_body_bytes} bytes.")
    rules = await state.work.texts.run(user.id, dictionaries.from_pls, data)
    description = "" if description == "null" else description
    return await state.work.writes.run(user.id, _created, state, user, name, description, rules)


@router.get("")
@reads
def list_dictionaries(
    user: CurrentUser,
    state: StateDep,
    cursor: Annotated[str, FromQuery(max_length=40)] = "",
    page_size: Annotated[int, between(1, 100), FromQuery()] = 30,
) -> Json:
    with state.database.reading() as session:
        found = dictionaries.page(session, user.id, page_size + 1, cursor or None)
    shown = found[:page_size]
    more = len(found) > page_size
    return {
        "pronunciation_dictionaries": [_described(each) for each in shown],
        "next_cursor": shown[-1].id if more else None,
        "has_more": more,
    }


@router.get("/{dictionary_id}")
@reads
def get_dictionary(dictionary_id: str, user: CurrentUser, state: StateDep) -> Json:
    found = _find(state, user, dictionary_id)
    return _described(found) | {"rules": [_rule(each) for each in dictionaries.rules_of(found)]}


@router.patch("/{dictionary_id}")
@writes
def change_dictionary(
    dictionary_id: str, body: Change, user: CurrentUser, state: StateDep, response: Response
) -> Json:
    """Changes the name. One that is archived is gone: the interface has no other removal."""
    if unknown := body.unknown():
        response.headers["x-bernie-ignored"] = ", ".join(unknown)
    with state.database.transaction() as session:
        found = dictionaries.find(session, user.id, dictionary_id, lock=True)
        if body.name is not None:
            dictionaries.rename(found, body.name)
        if not body.archived:
            return _described(found)
        dictionaries.delete(session, found)
        return _described(found) | {"archived_time_unix": int(state.clock(session))}


@router.get("/{dictionary_id}/{version_id}/download")
@reads
def download(dictionary_id: str, version_id: str, user: CurrentUser, state: StateDep) -> Response:
    """The rules as a lexicon of the W3C."""
    found = _find(state, user, dictionary_id)
    if version_id != found.version:
        message = f"That version is gone; the dictionary is at {found.version}."
        raise ApiError(404, "pronunciation_dictionary_version_not_found", message)
    lexicon = dictionaries.to_pls(dictionaries.rules_of(found))
    return Response(lexicon, media_type="application/pls+xml")


@router.post("/{dictionary_id}/set-rules")
@writes
def set_rules(dictionary_id: str, body: RulesBody, user: CurrentUser, state: StateDep) -> Json:
    with _changing(state, user, dictionary_id) as found:
        dictionaries.replace_all(found, body.all())
        return _version(found)


@router.post("/{dictionary_id}/add-rules")
@writes
def add_rules(dictionary_id: str, body: RulesBody, user: CurrentUser, state: StateDep) -> Json:
    with _changing(state, user, dictionary_id) as found:
        dictionaries.add(found, body.all())
        return _version(found)


@router.post("/{dictionary_id}/remove-rules")
@writes
def remove_rules(dictionary_id: str, body: Removal, user: CurrentUser, state: StateDep) -> Json:
    with _changing(state, user, dictionary_id) as found:
        dictionaries.remove(found, body.rule_strings)
        return _version(found)


@contextmanager
def _changing(state: AppState, user: User, dictionary_id: str) -> Iterator[PronunciationDictionary]:
    """A dictionary that is locked meanwhile, in a transaction that ends with the block."""
    with state.database.transaction() as session:
        yield dictionaries.find(session, user.id, dictionary_id, lock=True)


def _created(
    state: AppState, user: User, name: str, description: str, rules: Sequence[Rule]
) -> Json:
    with state.database.transaction() as session:
        now = state.clock(session)
        made = dictionaries.create(session, user.id, name, description, rules, now)
        return {
            "id": made.id,
            "name": made.name,
            "created_by": made.user_id,
            "creation_time_unix": int(made.created_at),
            "description": made.description or None,
            "permission_on_resource": "admin",
            **_version(made),
        }


def _find(state: AppState, user: User, dictionary_id: str) -> PronunciationDictionary:
    with state.database.reading() as session:
        return dictionaries.find(session, user.id, dictionary_id)


def _version(found: PronunciationDictionary) -> Json:
    return {
        "id": found.id,
        "version_id": found.version,
        "version_rules_num": len(found.rules),
    }


def _described(found: PronunciationDictionary) -> Json:
    return {
        "id": found.id,
        "latest_version_id": found.version,
        "latest_version_rules_num": len(found.rules),
        "name": found.name,
        "permission_on_resource": "admin",
        "created_by": found.user_id,
        "creation_time_unix": int(found.created_at),
        "archived_time_unix": None,
        "description": found.description or None,
    }


def _rule(rule: Rule) -> Json:
    if rule.alias:
        return {
            "type": "alias",
            "string_to_replace": rule.string_to_replace,
            "alias": rule.alias,
        }
    return {
        "type": "phoneme",
        "string_to_replace": rule.string_to_replace,
        "phoneme": rule.phoneme,
        "alphabet": rule.alphabet,
    }
