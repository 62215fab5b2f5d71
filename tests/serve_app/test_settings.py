from __future__ import annotations

import pytest

from serve_app.settings import Settings

PLAIN = Settings()


def test_settings_update_one_value_of_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    vocoder = PLAIN.speech.vocoder.model_copy(update={"num_gpus": 0.5})
    expected = PLAIN.speech.model_copy(update={"vocoder": vocoder})
    assert Settings(**{"speech": {"vocoder": {"num_gpus": 0.5}}}).speech == expected
    monkeypatch.setenv("BERNIE_SPEECH__VOCODER__NUM_GPUS", "0.5")
    assert Settings().speech == expected
    assert Settings().conversion == PLAIN.conversion


def test_settings_refuse_a_pipeline_of_another_service() -> None:
    with pytest.raises(ValueError, match=r"conversion\.pipeline must be one of auto, off, seed-vc"):
        Settings(**{"conversion": {"pipeline": "kokoro"}})


def test_settings_read_only_prefixed_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NUM_GPUS", "THREADS", "MAX_BATCH", "PORT"):
        monkeypatch.setenv(name, "7")
    assert Settings() == PLAIN


def test_settings_refuse_unknown_arguments() -> None:
    with pytest.raises(ValueError, match="speeches"):
        Settings(**{"speeches": {}})
