"""Whatever stands in a line, it is a clip or is refused, and `make` agrees with `check`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serve_app.bulk.lines import LineMaker
from serve_app.bulk.openai_lines import OpenAiLineMaker
from serve_app.db.engine import Database
from serve_app.field_rules import storable
from serve_app.media.batches.lines import Rejection
from serve_app.media.batches.manifest import ManifestLine
from serve_app.settings import ServiceSettings, Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.actions import make_user

VALUES: list[Any] = [
    None, True, -1, 2**64, 10**400, 1e308, float("inf"), float("nan"), -0.0, 1e-320, "", "\0",
    "\ud800", "1e999", "x" * 20_000, "../../voices", "\u202e", "\ufeff", "🎧" * 50, "0" * 32, [],
    {"a": {"b": None}}, {"\0": 1},
]  # fmt: skip
LINES: dict[str, dict[str, Any]] = {
    "speech": {"text": "Hello.", "voice": "af_heart"},
    "sound_effects": {"prompt": "Rain.", "service": "sound_effects"},
    "conversion": {"upload": "0" * 32, "voice": "af_heart", "service": "conversion"},
}
FIELDS = (
    "text", "voice", "speed", "seed", "format", "sample_rate", "literal", "prompt", "duration",
    "steps", "upload", "clip", "source", "semitones", "service", "__class__", "",
)  # fmt: skip


def outcome(made: LineMaker, fields: dict[str, Any]) -> str:
    line = ManifestLine(1, "a", fields)
    why = made.check(line)
    content = made.make(line, "b" * 32).content
    if why is None and "upload" in fields:  # whose it is, is found out when its turn comes
        why = content if isinstance(content, Rejection) else None
    assert isinstance(content, Rejection) == (why is not None), (fields, why, content)
    if isinstance(content, Rejection):
        assert isinstance(content.code, str)
        return "refused"
    stored = [content.text, content.voice, content.options]
    assert storable(stored), fields
    json.dumps(stored, allow_nan=False)
    return "clip"


@pytest.mark.parametrize("kind", LINES)
def test_hostile_fields(kind: str, sqlite_database: Database, api_settings: Settings) -> None:
    noop = api_settings.model_copy(update={"speech": ServiceSettings(pipeline="noop")})
    made = LineMaker(noop, sqlite_database, ObjectStore(noop), make_user(sqlite_database), {})
    outcomes = [
        outcome(made, {**LINES[kind], field: value}) for field in FIELDS for value in VALUES
    ]
    assert "refused" in outcomes


def test_hostile_lines_of_openai(sqlite_database: Database, api_settings: Settings) -> None:
    noop = api_settings.model_copy(update={"speech": ServiceSettings(pipeline="noop")})
    made = OpenAiLineMaker(noop, sqlite_database, ObjectStore(noop), make_user(sqlite_database), {})
    plain = {"model": "tts-1", "input": "One.", "voice": "alloy"}
    around = {"method": "POST", "url": "/v1/audio/speech"}
    assert outcome(made, {**around, "body": plain}) == "clip"
    for value in VALUES:
        for field in ("url", "body", "other"):
            outcome(made, {**around, "body": plain, field: value})
        for field in ("input", "voice", "speed", "response_format"):
            outcome(made, {**around, "body": {**plain, field: value}})
