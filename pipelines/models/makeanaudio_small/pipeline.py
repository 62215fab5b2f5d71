"""The small model as a pipeline. Imports no torch before a stage is loaded."""

from __future__ import annotations

from pipelines.audio.joining import LevelNormalizer
from pipelines.protocol import Diffusion, Frontend, InvalidInput, Joiner, Vocoder
from pipelines.reference_features import FeatureCache
from pipelines.requests.sound import SAMPLE_RATE, SoundRequest, check
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import NO_CONVERTERS

SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 10.0
"""What it was trained on, about."""


class SmallPipeline:
    """One segment to a sound, brought to the level that the settings name."""

    sample_rate = SAMPLE_RATE
    takes_reference = False
    converters = NO_CONVERTERS

    def frontend(self, settings: PipelineSettings, _features: FeatureCache) -> Frontend:
        from pipelines.models.makeanaudio_small.stages import SmallFrontend

        return SmallFrontend(settings)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.models.makeanaudio.stages import MakeAnAudioDiffusion
        from pipelines.models.makeanaudio_small.checkpoint import SmallFiles

        return MakeAnAudioDiffusion(SmallFiles.of(settings), settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.models.makeanaudio_small.checkpoint import SmallFiles
        from pipelines.models.makeanaudio_small.stages import SmallVocoder

        return SmallVocoder(SmallFiles.of(settings), settings)

    def joiner(self, settings: PipelineSettings) -> Joiner:
        return LevelNormalizer(settings.sound_level, self.sample_rate)

    def check(self, asked: SoundRequest, _settings: PipelineSettings) -> None:
        """Raises InvalidInput."""
        if not SHORTEST_SECONDS <= asked.seconds <= LONGEST_SECONDS:
            message = (
                f"A sound of this model lasts between {SHORTEST_SECONDS:.0f} and "
                f"{LONGEST_SECONDS:.0f} seconds."
            )
            raise InvalidInput("seconds", message)
        check(asked)
