"""The documentation says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from serve_app.app import UnprotectedRay, build
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


@pytest.mark.parametrize("name", ["serve.yaml", "serve.gpu.yaml", "serve.bulk.yaml"])
def test_a_serve_config_fits_serve_and_the_settings(name: str) -> None:
    config = yaml.safe_load((ROOT / "config" / name).read_text())
    (application,) = ServeDeploySchema.model_validate(config).applications
    assert application.import_path == "serve_app.app:build"
    Settings(**application.args)


def test_the_cluster_is_served_only_behind_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    config = yaml.safe_load((ROOT / "config/serve.gpu.yaml").read_text())
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(UnprotectedRay, match="RAY_AUTH_MODE=token"):
        build(config["applications"][0]["args"])


def test_the_laptop_listens_on_loopback() -> None:
    config = yaml.safe_load((ROOT / "config/serve.yaml").read_text())
    assert config["http_options"]["host"] == "127.0.0.1"


def test_the_least_of_the_cluster_fits_on_one_gpu() -> None:
    config = yaml.safe_load((ROOT / "config/serve.gpu.yaml").read_text())
    settings = Settings(**config["applications"][0]["args"])
    assert set(settings.pipelines()) == set(SERVICES)
    stages = [each for name in SERVICES for each in settings.service(name).stages().values()]
    shares = sum(each.num_gpus * each.min_replicas for each in stages)
    assert 0 < round(shares, 6) <= 1
    devices = [settings.pipeline(each).device for each in stages]
    assert devices == ["cuda" if each.num_gpus else "cpu" for each in stages]
