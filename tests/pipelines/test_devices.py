"""Every stage of every model computes where it is told to, with all that it has.

No test has a GPU. The device `meta` stands in for one: it computes shapes, and refuses to work with
what was left behind on the CPU.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

import pytest
from torch import Tensor, nn

from pipelines import registry
from pipelines.registry import fetch
from pipelines.settings import PipelineSettings
from tests.pipelines.tiny_models import (
    install_libritts,
    install_ljspeech,
    install_singing,
    install_sounds,
    install_speech,
)

INSTALL: dict[str, Callable[[Path], None]] = {
    "styletts2-libritts": install_libritts,
    "styletts2-ljspeech": install_ljspeech,
    "seed-vc": install_speech,
    "seed-vc-f0": install_singing,
    "make-an-audio": install_sounds,
}
"""The models of the official layouts, which are made at reduced widths. The others are small."""

STAGES = ("frontend", "diffusion", "vocoder")
MODELS = [
    (service, model)
    for service, models in registry.SERVICES.items()
    for model in models
    if model != "noop"
]


WITHOUT_TENSORS = {
    ("kokoro", "frontend"),
    ("styletts2-ljspeech", "frontend"),
    ("foley", "diffusion"),
    ("foley", "vocoder"),
}


def tensors_in(thing: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """All tensors that can be reached from an object through attributes and containers."""
    if id(thing) in seen or isinstance(thing, type | str | bytes | Path):
        return
    seen.add(id(thing))
    if isinstance(thing, Tensor):
        yield path, thing
        return
    if isinstance(thing, dict):
        parts = {str(key): value for key, value in thing.items()}
    elif isinstance(thing, list | tuple | set):
        parts = {str(place): value for place, value in enumerate(thing)}
    elif isinstance(thing, FunctionType):
        cells = zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
        parts = {name: cell.cell_contents for name, cell in cells}
    elif isinstance(thing, MethodType):
        parts = {"self": thing.__self__}
    elif type(thing).__module__.split(".")[0] in ("pipelines", "transformers") or isinstance(
        thing, nn.Module
    ):
        parts = dict(getattr(thing, "__dict__", {}))
        parts |= {name: getattr(thing, name, None) for name in getattr(thing, "__slots__", ())}
    else:
        return
    for name, part in parts.items():
        yield from tensors_in(part, f"{path}.{name}", seen)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> PipelineSettings:
    folder = tmp_path_factory.mktemp("checkpoints")
    shutil.copy(PipelineSettings().checkpoints / "manifest.toml", folder)
    settings = PipelineSettings(checkpoints=folder, dtype="float32")
    for model, install in INSTALL.items():
        install(settings.models / model)
    return settings


def settings_of(model: str, settings: PipelineSettings) -> PipelineSettings:
    if model in INSTALL:
        return settings
    shipped = PipelineSettings(dtype="float32")
    fetch(model, shipped)
    return shipped


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("service", "model"), MODELS, ids=[model for _, model in MODELS])
def test_no_tensor_of_a_stage_is_left_behind(
    service: str, model: str, stage: str, settings: PipelineSettings
) -> None:
    load = getattr(registry, f"load_{stage}")
    on_cpu = settings_of(model, settings)
    loaded = load(service, model, replace(on_cpu, device="meta"))
    found = dict(tensors_in(loaded, stage, set()))
    assert found or (model, stage) in WITHOUT_TENSORS
    assert not {path for path, tensor in found.items() if tensor.device.type != "meta"}
