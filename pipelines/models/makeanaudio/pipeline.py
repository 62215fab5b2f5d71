"""Make-An-Audio as a pipeline. Imports no torch before a stage is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.audio.joining import PassThrough
from pipelines.protocol import Diffusion, Frontend, Joiner, Vocoder
from pipelines.reference_features import FeatureCache
from pipelines.requests import sound
from pipelines.requests.sound import SoundRequest
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import NO_CONVERTERS, model_folder

if TYPE_CHECKING:
    from pipelines.models.makeanaudio.checkpoint import MakeAnAudioFiles

NAME = "make-an-audio"


class MakeAnAudioPipeline:
    """One segment to a sound, so that nothing is joined."""

    sample_rate = sound.SAMPLE_RATE
    takes_reference = False
    converters = NO_CONVERTERS

    def frontend(self, settings: PipelineSettings, _features: FeatureCache) -> Frontend:
        from pipelines.models.makeanaudio.stages import MakeAnAudioFrontend

        return MakeAnAudioFrontend(_files(settings), settings)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.models.makeanaudio.stages import MakeAnAudioDiffusion

        return MakeAnAudioDiffusion(_files(settings), settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.models.makeanaudio.stages import MakeAnAudioVocoder

        return MakeAnAudioVocoder(_files(settings), settings)

    def joiner(self, _settings: PipelineSettings) -> Joiner:
        return PassThrough()

    def check(self, asked: SoundRequest, _settings: PipelineSettings) -> None:
        sound.check(asked)


def _files(settings: PipelineSettings) -> MakeAnAudioFiles:
    from pipelines.models.makeanaudio.checkpoint import MakeAnAudioFiles

    return MakeAnAudioFiles.under(model_folder(NAME, settings))
