"""Foley as a pipeline. Imports no torch before a stage is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.audio.joining import PassThrough
from pipelines.models.foley.reading.descriptions import understand
from pipelines.models.foley.reading.languages import other_language
from pipelines.models.foley.synthesis.signals import SAMPLE_RATE
from pipelines.protocol import Diffusion, Frontend, InvalidInput, Joiner, Vocoder
from pipelines.reference_features import FeatureCache
from pipelines.requests.sound import LONGEST_SECONDS, SoundRequest
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import Convert

SHORTEST_SECONDS = 0.5


class FoleyPipeline:
    """One segment to a sound, at the level that the settings and the description name."""

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

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.models.foley.stages import FoleyVocoder

        return FoleyVocoder(settings.sound_level)

    def joiner(self, _settings: PipelineSettings) -> Joiner:
        return PassThrough()

    def check(self, asked: SoundRequest, _settings: PipelineSettings) -> None:
        """Raises InvalidInput. Steps and guidance have no effect."""
        if not SHORTEST_SECONDS <= asked.seconds <= LONGEST_SECONDS:
            message = f"A sound lasts between {SHORTEST_SECONDS} and {LONGEST_SECONDS:.0f} seconds."
            raise InvalidInput("seconds", message)
        if language := other_language(asked.prompt):
            message = f"Descriptions are understood in English; this one is in {language}."
            raise InvalidInput("prompt", message, "language_not_supported")
        if understand(asked.prompt).is_empty:
            message = "The description names nothing that is to be heard."
            raise InvalidInput("prompt", message)
