"""The documentation says what the code does."""

from __future__ import annotations

from pathlib import Path

import yaml

from serve_app.settings import SERVICES, Settings, StageScale

ROOT = Path(__file__).parent.parent


def test_every_setting_is_explained() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    services = set(SERVICES.values())
    missing = [
        name
        for name in Settings.model_fields
        if name not in services and f"`BERNIE_{name.upper()}`" not in text
    ]
    missing += [name for name in services if f"`BERNIE_{name.upper()}__PIPELINE`" not in text]
    missing += [name for name in StageScale.model_fields if f"`{name}`" not in text]
    assert not missing


def test_the_serve_config_names_the_application_and_its_settings() -> None:
    config = yaml.safe_load((ROOT / "config/serve.yaml").read_text())
    (application,) = config["applications"]
    assert application["import_path"] == "serve_app.app:build"
    assert config["http_options"]["host"] == "127.0.0.1"
    Settings(**application["args"])
