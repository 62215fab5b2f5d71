from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from pipelines.settings import CHECKPOINTS
from serve_app.catalog import NothingInstalled, install_command, resolve
from serve_app.settings import OFF, Settings


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """A folder for weights that has the manifest and nothing else."""
    shutil.copy(CHECKPOINTS / "manifest.toml", tmp_path)
    return tmp_path


def put_files(checkpoints: Path, model: str) -> None:
    """All files of a model, with nothing in them."""
    files = tomllib.loads((checkpoints / "manifest.toml").read_text())[model]["files"]
    for each in files:
        place = checkpoints / "models" / model / each["at"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def test_resolve_raises_nothing_installed_with_the_command(checkpoints: Path) -> None:
    with pytest.raises(NothingInstalled, match="bernie fetch kokoro"):
        resolve(Settings(checkpoints=checkpoints))


def test_resolve_chooses_only_installed_pipelines(
    checkpoints: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put_files(checkpoints, "seed-vc-f0")
    settings = resolve(Settings(checkpoints=checkpoints))
    assert settings.pipelines() == {"seedvc": "seed-vc-f0"}
    assert settings.speech.pipeline == settings.sound_effects.pipeline == OFF
    assert "bernie fetch kokoro" in caplog.text, "what was asked for by name is missed"


def test_resolve_keeps_services_off(checkpoints: Path) -> None:
    put_files(checkpoints, "seed-vc")
    speech, conversion = {"pipeline": "noop"}, {"pipeline": "off"}
    settings = resolve(Settings(checkpoints=checkpoints, speech=speech, conversion=conversion))
    assert settings.pipelines() == {"styletts2": "noop"}


def test_install_command_names_the_requested_pipeline(checkpoints: Path) -> None:
    put_files(checkpoints, "seed-vc")
    asked = Settings(checkpoints=checkpoints, speech={"pipeline": "styletts2-libritts"})
    settings = resolve(resolve(asked))
    assert install_command("styletts2", settings) == "bernie fetch styletts2-libritts"
    assert install_command("make-an-audio", settings) == "bernie fetch foley"
