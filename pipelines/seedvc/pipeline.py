"""The two published models of Seed-VC as pipelines. Imports no torch before a stage is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.checkpoints import model_folder
from pipelines.features import FeatureCache
from pipelines.protocol import Diffusion, Frontend, Joiner, Vocoder
from pipelines.seedvc import request
from pipelines.seedvc.request import ConversionRequest
from pipelines.seedvc.windows import OVERLAP_FRAMES, CrossFade
from pipelines.settings import PipelineSettings

if TYPE_CHECKING:
    from pipelines.seedvc.checkpoint import SeedVCFiles

CAMPPLUS = "campplus_cn_common.bin"


@dataclass(frozen=True, slots=True)
class SeedVCPipeline:
    """A model installed under `name`; `hop` in samples per mel frame."""

    name: str
    sample_rate: int
    hop: int
    pitched: bool

    @property
    def takes_reference(self) -> bool:
        return True

    def frontend(self, settings: PipelineSettings, features: FeatureCache) -> Frontend:
        from pipelines.seedvc.frontend import SeedVCFrontend

        return SeedVCFrontend.load(self._files(settings), settings, features)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.seedvc.stages import SeedVCDiffusion

        return SeedVCDiffusion.load(self._files(settings), settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.seedvc.stages import SeedVCVocoder

        return SeedVCVocoder.load(self._files(settings), settings)

    def joiner(self, _settings: PipelineSettings) -> Joiner:
        return CrossFade(OVERLAP_FRAMES * self.hop)

    def check(self, asked: ConversionRequest, _settings: PipelineSettings) -> None:
        request.check(asked, pitched=self.pitched)

    def _files(self, settings: PipelineSettings) -> SeedVCFiles:
        from pipelines.seedvc.checkpoint import SeedVCFiles
        from pipelines.seedvc.config import read_config

        folder = model_folder(self.name, settings)
        return SeedVCFiles.beside(folder, read_config(folder / "config.yml"), folder / CAMPPLUS)


SPEECH = SeedVCPipeline("seed-vc", sample_rate=22_050, hop=256, pitched=False)
SINGING = SeedVCPipeline("seed-vc-f0", sample_rate=44_100, hop=512, pitched=True)
