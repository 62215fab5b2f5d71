"""A line of a manifest is checked as a request of its service is."""

from __future__ import annotations

from typing import Any

import pytest

from serve_app.bulk.lines import LineMaker, seed_of
from serve_app.bulk.openai_lines import OpenAiLineMaker
from serve_app.db.engine import Database
from serve_app.errors import ApiError
from serve_app.media.batches.lines import Rejection
from serve_app.media.batches.manifest import ManifestLine
from serve_app.media.clips import NewClip
from serve_app.settings import ServiceSettings, Settings
from serve_app.storage.store import ObjectStore
from tests.serve_app.actions import make_user

BATCH = "b" * 32


OPENAI: dict[str, Any] = {
    "method": "POST",
    "url": "/v1/audio/speech",
    "body": {"model": "tts-1", "input": "One."},
}


def maker(database: Database, settings: Settings, **defaults: Any) -> LineMaker:
    noop = settings.model_copy(update={"speech": ServiceSettings(pipeline="noop")})
    return LineMaker(noop, database, ObjectStore(noop), make_user(database), defaults)


def test_make_gives_the_clip_of_the_route(
    sqlite_database: Database, api_settings: Settings
) -> None:
    made = maker(sqlite_database, api_settings, voice="af_heart", format="opus")
    line = ManifestLine(3, "greeting", {"text": " Hello. ", "speed": 1.5})
    assert made.check(line) is None
    content = made.make(line, BATCH).content
    assert isinstance(content, NewClip)
    assert (content.service, content.text, content.voice) == ("styletts2", "Hello.", "af_heart")
    assert content.options["format"] == "opus"
    assert content.options["seed"] == seed_of(BATCH, "greeting")


def test_seeds_are_those_of_batch_and_line() -> None:
    assert seed_of(BATCH, "a") == seed_of(BATCH, "a") != seed_of(BATCH, "b")
    assert seed_of("c" * 32, "a") != seed_of(BATCH, "a")
    assert all(0 <= seed_of(BATCH, str(number)) < 2**32 for number in range(100))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"voice": "af_heart"}, "text"),
        ({"text": "Hello.", "voice": "af_heart", "spede": 1.0}, "spede"),
        ({"text": "Hello.", "voice": "af_heart", "speed": "1"}, "speed"),
        ({"text": "Hello.", "voice": "af_heart", "format": "ogg"}, "format"),
        ({"text": "  ", "voice": "af_heart"}, "text"),
        ({"text": "Hello.", "voice": "af_heart", "service": "song"}, "service"),
        ({"text": "Hello.", "voice": "a\0"}, "voice"),
    ],
)
def test_check_names_the_field(
    sqlite_database: Database, api_settings: Settings, fields: dict[str, Any], field: str
) -> None:
    made = maker(sqlite_database, api_settings)
    line = ManifestLine(1, "a", fields)
    why = made.check(line)
    assert why is not None
    assert why.field == field
    assert isinstance(made.make(line, BATCH).content, Rejection)


def test_default_of_another_service_is_no_fault(
    sqlite_database: Database, api_settings: Settings
) -> None:
    made = maker(sqlite_database, api_settings, voice="af_heart", speed=1.2)
    line = ManifestLine(1, "rain", {"service": "sound-effects", "prompt": "Rain."})
    why = made.check(line)
    assert why is None or why.code == "service_not_installed"


def test_unknown_default_service_is_refused(
    sqlite_database: Database, api_settings: Settings
) -> None:
    with pytest.raises(ApiError, match="service must be"):
        maker(sqlite_database, api_settings, service="song")


@pytest.mark.parametrize("voice", [{"id": "\ud800"}, "a\0", {"id": ""}, "x" * 150])
def test_line_in_the_shape_of_openai_is_rejected_whatever_its_voice(
    sqlite_database: Database, api_settings: Settings, voice: Any
) -> None:
    store, user = ObjectStore(api_settings), make_user(sqlite_database)
    made = OpenAiLineMaker(api_settings, sqlite_database, store, user, {})
    line = ManifestLine(1, "a", {**OPENAI, "body": {**OPENAI["body"], "voice": voice}})
    assert isinstance(made.check(line), Rejection)
