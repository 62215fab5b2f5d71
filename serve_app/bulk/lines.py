"""From the fields of a manifest's line to a new clip: the checks of the service's own route."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from pipelines.protocol import InvalidInput
from serve_app import catalog
from serve_app.bulk.sources import FIELD, Sources
from serve_app.db.engine import Database
from serve_app.db.models import User
from serve_app.errors import ApiError, invalid
from serve_app.field_rules import storable
from serve_app.http.app_state import AppState, GraphStatus
from serve_app.http.new_clips import conversion_clip, sound_clip, speech_clip
from serve_app.http.schemas.batches import DEFAULTS
from serve_app.http.schemas.submissions import ClipOptions, Conversion, SoundEffect, Speech
from serve_app.http.submission import Submission
from serve_app.http.text_rules import clean_text
from serve_app.media.batches.lines import Line, Rejection, service_of
from serve_app.media.batches.manifest import ManifestLine
from serve_app.media.clips import NewClip
from serve_app.settings import Settings
from serve_app.storage.store import ObjectStore

BODIES: dict[str, type[ClipOptions]] = {
    "styletts2": Speech,
    "seedvc": Conversion,
    "make-an-audio": SoundEffect,
}
_REMEMBERED = 10_000
"""Different combinations of options whose check is remembered."""


class LineMaker:
    """Makes the lines of one user. Defaults are the fields of every line that does not have them,
    `service` among them. With `sources` a line may name a recording beside its manifest."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: ObjectStore,
        user: User,
        defaults: Mapping[str, Any],
        sources: Sources | None = None,
    ) -> None:
        self._settings = settings
        self.user = user
        self._defaults = {"service": "speech", **defaults}
        if unknown := sorted(set(defaults) - DEFAULTS):
            message = f"A default must be a field of a line, not {unknown[0][:40]!r}."
            raise invalid("defaults", message)
        self.state = AppState(settings, database, store, database.now, _no_graph, metrics=str)
        self._sources = sources
        self._checked: dict[str, Rejection | None] = {}
        service_of(self._defaults["service"])

    def check(self, line: ManifestLine) -> Rejection | None:
        """What is wrong with a line, as far as it is cheap to find: its fields for itself, and
        everything else once for all lines with the same options but the text."""
        try:
            service, body = self._body(line, 0)
            settings = self._settings
            if isinstance(body, Speech):
                clean_text(body.text, "text", settings.max_text_characters)
            elif isinstance(body, SoundEffect):
                clean_text(body.prompt, "prompt", settings.max_prompt_characters)
            else:
                catalog.require(service, settings)
                return None
        except Rejected as error:
            return error.why
        except ApiError as error:
            return _why(error)
        options = body.model_dump(mode="json", exclude={"text", "prompt", "seed"})
        key = json.dumps([service, options], sort_keys=True)
        if key not in self._checked:
            if len(self._checked) >= _REMEMBERED:
                self._checked.clear()
            plain = {"text": "Hello."} if service == "styletts2" else {"prompt": "Rain."}
            found = self._clip(service, body.model_copy(update=plain))
            self._checked[key] = found if isinstance(found, Rejection) else None
        return self._checked[key]

    def make(self, line: ManifestLine, batch_id: str) -> Line:
        """The clip of a line, or why there is none. A line without a seed gets one that its id and
        the batch's determine."""
        try:
            service, body = self._body(line, seed_of(batch_id, line.id))
        except Rejected as error:
            return Line(line.number, line.id, error.why)
        given = None
        if self._sources is not None and (name := _source_of(line)) is not None:
            given = partial(self._sources.find, name, batch_id)
        return Line(line.number, line.id, self._clip(service, body, given))

    def _body(self, line: ManifestLine, seed: int) -> tuple[str, ClipOptions]:
        """The service and its request. Raises Rejected."""
        own = fields_of(line)
        fields = {**self._defaults, **own}
        try:
            service = service_of(fields.pop("service"))
            known = BODIES[service].model_fields
            # A default that another service knows is no fault of this line.
            kept = {name: fields[name] for name in fields if name in known or name in own}
            if self._sources is not None and service == "seedvc":
                kept.pop(FIELD, None)
            return service, BODIES[service].model_validate({"seed": seed, **kept})
        except ApiError as error:
            raise Rejected(_why(error)) from error
        except ValidationError as error:
            raise Rejected(why_of(error)) from error

    def _clip(
        self,
        service: str,
        body: ClipOptions,
        given: Callable[[], tuple[str, float]] | None = None,
    ) -> NewClip | Rejection:
        submission = Submission(self.state, self.user, service, body, None)
        if isinstance(body, Speech):
            return self.clip_or_why(lambda: speech_clip(submission, body))
        if isinstance(body, Conversion):
            return self.clip_or_why(lambda: conversion_clip(submission, body, given))
        if isinstance(body, SoundEffect):
            return self.clip_or_why(lambda: sound_clip(submission, body))
        raise TypeError(f"no service takes {type(body).__name__}")

    def clip_or_why(self, make: Callable[[], NewClip]) -> NewClip | Rejection:
        """What `make` gives, or what it raises of the line's own faults."""
        try:
            return make()
        except InvalidInput as error:
            return Rejection(error.code, error.message, error.field)
        except ApiError as error:
            if error.status >= 500 and error.code != "service_not_installed":
                raise
            return _why(error)


def seed_of(batch_id: str, line_id: str) -> int:
    """The same batch gives the same audio: 32 bits of a SHA-256."""
    return int.from_bytes(hashlib.sha256(f"{batch_id}\n{line_id}".encode()).digest()[:4])


class Rejected(Exception):
    """A line that does not become a clip."""

    def __init__(self, why: Rejection) -> None:
        super().__init__(why.message)
        self.why = why


def fields_of(line: ManifestLine) -> dict[str, Any]:
    """Raises Rejected where the line has none, or one that the database cannot look for."""
    if isinstance(line.fields, Rejection):
        raise Rejected(line.fields)
    for name, value in line.fields.items():
        if not storable([name, value]):
            message = "A field may have no NUL and no half of a surrogate pair."
            raise Rejected(Rejection("invalid_input", message, name))
    return line.fields


def _source_of(line: ManifestLine) -> Any:
    return None if isinstance(line.fields, Rejection) else line.fields.get(FIELD)


def why_of(error: ValidationError) -> Rejection:
    """The first fault of a body."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return Rejection("invalid_input", f"{field} is missing.", field, missing=True)
    return Rejection("invalid_input", f"{field}: {first['msg']}.", field)


def _why(error: ApiError) -> Rejection:
    return Rejection(error.code, error.message, error.field)


async def _no_graph() -> GraphStatus:
    return GraphStatus(ready=False)
