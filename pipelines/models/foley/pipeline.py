"""Foley as a pipeline. Imports no torch before a stage is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.audio.joining import LevelNormalizer
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE
from pipelines.protocol import Diffusion, Frontend, InvalidInput, Joiner, Vocoder
from pipelines.reference_features import FeatureCache
from pipelines.requests.sound import LONGEST_SECONDS, SoundRequest
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import Convert

SHORTEST_SECONDS = 0.5


class FoleyPipeline:
    """One segment to a sound, brought to the level that the settings name."""

    sample_rate = SAMPLE_RATE
    takes_reference = False

    @property
    def converters(self) -> Mapping[str, Convert]:
        from pipelines.models.foley import minilm

        return {"foley": minilm.convert}

    def frontend(self, settings: PipelineSettings, _features: FeatureCache) -> Frontend:
        from pipelines.models.foley.files import FoleyFiles
        from pipelines.models.foley.frontend import FoleyFrontend

        return FoleyFrontend(FoleyFiles.of(settings), settings)

    def diffusion(self, _settings: PipelineSettings) -> Diffusion:
        from pipelines.models.foley.stages import FoleyDiffusion

        return FoleyDiffusion()

    def vocoder(self, _settings: PipelineSettings) -> Vocoder:
        from pipelines.models.foley.stages import FoleyVocoder

        return FoleyVocoder()

    def joiner(self, settings: PipelineSettings) -> Joiner:
        return LevelNormalizer(settings.sound_level, self.sample_rate)

    def check(self, asked: SoundRequest, _settings: PipelineSettings) -> None:
        """Raises InvalidInput. Steps and guidance have no effect."""
        if not SHORTEST_SECONDS <= asked.seconds <= LONGEST_SECONDS:
            message = f"A sound lasts between {SHORTEST_SECONDS} and {LONGEST_SECONDS:.0f} seconds."
            raise InvalidInput("seconds", message)
