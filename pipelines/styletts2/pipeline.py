"""The models of StyleTTS2's family as pipelines. Imports no torch before a stage is loaded."""

from __future__ import annotations

from pipelines.joining import SilenceJoin
from pipelines.protocol import Diffusion, Frontend, Joiner, SpeechRequest, Vocoder
from pipelines.settings import PipelineSettings
from pipelines.styletts2.config import KOKORO


class KokoroPipeline:
    """The default voice model: style comes from voice packs."""

    name = "kokoro"
    sample_rate = KOKORO.sample_rate

    def frontend(self, settings: PipelineSettings) -> Frontend:
        from pipelines.styletts2.frontend import KokoroFrontend

        return KokoroFrontend(settings)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.styletts2.diffusion import KokoroDiffusion

        return KokoroDiffusion(self.name, KOKORO, settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.styletts2.vocoder import KokoroVocoder

        return KokoroVocoder(self.name, KOKORO, settings)

    def joiner(self, settings: PipelineSettings) -> Joiner:
        return SilenceJoin(settings.silence_seconds, self.sample_rate)

    def check(self, asked: SpeechRequest, settings: PipelineSettings) -> None:
        from pipelines.styletts2 import frontend

        frontend.check(asked, settings)
