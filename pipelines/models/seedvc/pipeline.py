"""The two published models of Seed-VC as pipelines. Imports no torch before a stage is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.audio.joining import CrossFade
from pipelines.models.seedvc.windows import OVERLAP_FRAMES
from pipelines.protocol import Diffusion, Frontend, Joiner, Vocoder
from pipelines.reference_features import FeatureCache
from pipelines.requests import conversion
from pipelines.requests.conversion import ConversionRequest
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import NO_CONVERTERS, Convert, model_folder

if TYPE_CHECKING:
    from pipelines.models.seedvc.checkpoint import SeedVCFiles

CAMPPLUS = "campplus_cn_common.bin"


@dataclass(frozen=True, slots=True)
class SeedVCPipeline:
    """A model installed under `name`; `hop` in samples per mel frame."""

    name: str
    sample_rate: int
    hop: int
    pitched: bool

    @property
    def converters(self) -> Mapping[str, Convert]:
        return NO_CONVERTERS

    @property
    def takes_reference(self) -> bool:
        return True

    def frontend(self, settings: PipelineSettings, features: FeatureCache) -> Frontend:
        from pipelines.models.seedvc.frontend import SeedVCFrontend

        return SeedVCFrontend.load(self._files(settings), settings, features)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.models.seedvc.stages import SeedVCDiffusion

        return SeedVCDiffusion.load(self._files(settings), settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.models.seedvc.stages import SeedVCVocoder

        return SeedVCVocoder.load(self._files(settings), settings)

    def joiner(self, _settings: PipelineSettings) -> Joiner:
        return CrossFade(OVERLAP_FRAMES * self.hop)

    def check(self, asked: ConversionRequest, _settings: PipelineSettings) -> None:
        conversion.check(asked, pitched=self.pitched)

    def _files(self, settings: PipelineSettings) -> SeedVCFiles:
        from pipelines.models.seedvc.checkpoint import SeedVCFiles
        from pipelines.models.seedvc.config import read_config

        folder = model_folder(self.name, settings)
        return SeedVCFiles.beside(folder, read_config(folder / "config.yml"), folder / CAMPPLUS)


SPEECH = SeedVCPipeline("seed-vc", sample_rate=22_050, hop=256, pitched=False)
SINGING = SeedVCPipeline("seed-vc-f0", sample_rate=44_100, hop=512, pitched=True)
