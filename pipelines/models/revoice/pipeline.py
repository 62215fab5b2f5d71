"""The small converter as a pipeline. Imports no torch before a stage is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.audio.joining import CrossFade
from pipelines.models.revoice import request
from pipelines.models.revoice.windows import OVERLAP_FRAMES
from pipelines.models.styletts2.config import KOKORO
from pipelines.protocol import Diffusion, Frontend, Joiner, Vocoder
from pipelines.reference_features import FeatureCache
from pipelines.requests.conversion import ConversionRequest
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import Convert

SAMPLES_PER_FRAME = 2 * KOKORO.generator.samples_per_frame


class RevoicePipeline:
    """The default converter: its voices are those that ship."""

    sample_rate = KOKORO.sample_rate
    takes_reference = False

    @property
    def converters(self) -> Mapping[str, Convert]:
        from pipelines.models.revoice import checkpoint

        return {
            checkpoint.WHISPER: checkpoint.convert_whisper,
            checkpoint.PITCH: checkpoint.convert_pitch,
        }

    def frontend(self, settings: PipelineSettings, _features: FeatureCache) -> Frontend:
        from pipelines.models.revoice.frontend import RevoiceFrontend

        return RevoiceFrontend.load(settings)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.models.revoice.stages import RevoiceDiffusion

        return RevoiceDiffusion.load(settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.models.styletts2.checkpoint import kokoro
        from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder

        return StyleTTS2Vocoder(kokoro(settings), settings)

    def joiner(self, _settings: PipelineSettings) -> Joiner:
        return CrossFade(OVERLAP_FRAMES * SAMPLES_PER_FRAME)

    def check(self, asked: ConversionRequest, settings: PipelineSettings) -> None:
        request.check(asked, settings)
