"""The models of StyleTTS2's family as pipelines. Imports no torch before a stage is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.audio.joining import SilenceJoin
from pipelines.models.styletts2.config import KOKORO
from pipelines.protocol import Diffusion, Frontend, Joiner, SpeechRequest, Vocoder
from pipelines.reference_features import FeatureCache
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import NO_CONVERTERS, Convert, model_folder

if TYPE_CHECKING:
    from pipelines.models.styletts2.checkpoint import Checkpoint


class KokoroPipeline:
    """The default voice model: style comes from voice packs."""

    sample_rate = KOKORO.sample_rate
    takes_reference = False

    @property
    def converters(self) -> Mapping[str, Convert]:
        from pipelines.models.styletts2 import kokoro_weights

        return {"kokoro": kokoro_weights.convert}

    def frontend(self, settings: PipelineSettings, _features: FeatureCache) -> Frontend:
        from pipelines.models.styletts2.frontend import kokoro_frontend

        return kokoro_frontend(settings)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.models.styletts2.checkpoint import kokoro
        from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion

        return StyleTTS2Diffusion(kokoro(settings), settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.models.styletts2.checkpoint import kokoro
        from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder

        return StyleTTS2Vocoder(kokoro(settings), settings)

    def joiner(self, _settings: PipelineSettings) -> Joiner:
        # The segments bring their pauses along.
        return SilenceJoin(0.0, self.sample_rate)

    def check(self, asked: SpeechRequest, settings: PipelineSettings) -> None:
        from pipelines.models.styletts2 import frontend

        frontend.check(asked, settings)


@dataclass(frozen=True, slots=True)
class PublishedPipeline:
    """A model that its authors published, installed under `name`."""

    name: str
    multispeaker: bool
    sample_rate: int = 24_000

    @property
    def converters(self) -> Mapping[str, Convert]:
        return NO_CONVERTERS

    @property
    def takes_reference(self) -> bool:
        return self.multispeaker

    def frontend(self, settings: PipelineSettings, features: FeatureCache) -> Frontend:
        from pipelines.models.styletts2.published.references import published_frontend

        return published_frontend(self._checkpoint(settings), settings, features)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion

        return StyleTTS2Diffusion(self._checkpoint(settings), settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder

        return StyleTTS2Vocoder(self._checkpoint(settings), settings)

    def joiner(self, _settings: PipelineSettings) -> Joiner:
        # The segments bring their pauses along.
        return SilenceJoin(0.0, self.sample_rate)

    def check(self, asked: SpeechRequest, settings: PipelineSettings) -> None:
        from pipelines.models.styletts2.published import frontend as published

        published.check(asked, settings, multispeaker=self.multispeaker)

    def _checkpoint(self, settings: PipelineSettings) -> Checkpoint:
        from pipelines.models.styletts2.checkpoint import published_checkpoint

        return published_checkpoint(model_folder(self.name, settings), settings)


LIBRITTS = PublishedPipeline("styletts2-libritts", multispeaker=True)
LJSPEECH = PublishedPipeline("styletts2-ljspeech", multispeaker=False)
