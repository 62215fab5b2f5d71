from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from pipelines.models.makeanaudio.checkpoint import MakeAnAudioFiles
from pipelines.models.makeanaudio.stages import (
    MakeAnAudioDiffusion,
    MakeAnAudioFrontend,
    MakeAnAudioVocoder,
)
from pipelines.settings import PipelineSettings
from tests.pipelines.models.makeanaudio.goldens import folder


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def files() -> MakeAnAudioFiles:
    return MakeAnAudioFiles.under(folder())


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> PipelineSettings:
    return PipelineSettings(tmp_path_factory.mktemp("checkpoints"), dtype="float32")


@pytest.fixture(scope="session")
def frontend(files: MakeAnAudioFiles, settings: PipelineSettings) -> MakeAnAudioFrontend:
    return MakeAnAudioFrontend(files, settings)


@pytest.fixture(scope="session")
def diffusion(files: MakeAnAudioFiles, settings: PipelineSettings) -> MakeAnAudioDiffusion:
    return MakeAnAudioDiffusion(files, settings)


@pytest.fixture(scope="session")
def vocoder(files: MakeAnAudioFiles, settings: PipelineSettings) -> MakeAnAudioVocoder:
    return MakeAnAudioVocoder(files, settings)
