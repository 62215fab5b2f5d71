from __future__ import annotations

from typing import Any

from pipelines import registry
from serve_app.http.schemas.submissions import Conversion, SoundEffect, Speech
from serve_app.settings import OFF, ServiceSettings
from tests.serve_app.api_harness import Api, Headers, error_of


def listed(api: Api, headers: Headers) -> dict[str, dict[str, Any]]:
    answer = api.client.get("/api/services", headers=headers)
    assert answer.status_code == 200
    return {each["name"]: each for each in answer.json()["items"]}


def test_list_services_has_limits_and_defaults(sqlite_api: Api) -> None:
    services = listed(sqlite_api, sqlite_api.sign_up())
    assert list(services) == ["styletts2", "seedvc", "make-an-audio"]
    speech, sound = services["styletts2"], services["make-an-audio"]
    assert (speech["installed"], speech["pipeline"], speech["install"]) == (True, "kokoro", None)
    assert speech["sample_rate"] == 24_000
    assert sound["submit"] == "/api/sound-effects"
    duration = sound["options"]["duration"]
    assert (duration["minimum"], duration["maximum"], duration["default"]) == (0.5, 30, 10)
    assert speech["options"]["text"]["maxLength"] == 5_000
    assert sound["options"]["prompt"]["maxLength"] == 500
    assert services["seedvc"]["ignored"] == ["match_pitch", "semitones"]


def test_ignored_options_are_those_of_the_service() -> None:
    fields = {
        "seedvc": Conversion.model_fields,
        "make-an-audio": SoundEffect.model_fields,
        "styletts2": Speech.model_fields,
    }
    for service, pipelines in registry.SERVICES.items():
        for name in pipelines:
            assert set(registry.IGNORED.get(name, ())) <= set(fields[service])
    assert set(registry.IGNORED) <= {name for each in registry.SERVICES.values() for name in each}


def test_list_services_notes_limits_of_a_small_model(sqlite_api: Api) -> None:
    settings = sqlite_api.settings.model_copy(
        update={"conversion": ServiceSettings(pipeline="revoice")}
    )
    api = Api(settings, sqlite_api.database, sqlite_api.store)
    services = listed(api, api.sign_up())
    assert services["seedvc"]["sample_rate"] == 24_000
    assert "not to voices of one's own" in services["seedvc"]["note"]
    assert services["styletts2"]["note"] is None


def test_list_services_gives_the_install_command(sqlite_api: Api) -> None:
    settings = sqlite_api.settings.model_copy(
        update={"sound_effects": ServiceSettings(pipeline=OFF)}
    )
    api = Api(settings, sqlite_api.database, sqlite_api.store)
    headers = api.sign_up()
    sound = listed(api, headers)["make-an-audio"]
    assert (sound["installed"], sound["pipeline"]) == (False, None)
    assert sound["install"] == "bernie fetch foley"
    before = api.contents()
    answer = api.client.post("/api/sound-effects", headers=headers, json={"prompt": "Rain."})
    error = error_of(answer, 503)
    assert error["code"] == "service_not_installed"
    assert "`bernie fetch foley`" in error["message"]
    assert api.contents() == before


def test_list_services_and_clip_name_the_small_model(sqlite_api: Api) -> None:
    settings = sqlite_api.settings.model_copy(
        update={"sound_effects": ServiceSettings(pipeline="foley")}
    )
    api = Api(settings, sqlite_api.database, sqlite_api.store)
    headers = api.sign_up()
    services = listed(api, headers)
    assert services["make-an-audio"]["pipeline"] == "foley"
    assert "small model" in services["make-an-audio"]["note"]
    assert services["styletts2"]["note"] is None
    answer = api.client.post("/api/sound-effects", headers=headers, json={"prompt": "Rain."})
    assert answer.json()["options"]["model"] == "foley"
