"""Make-An-Audio as a pipeline. Imports no torch before a stage is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.checkpoints import model_folder
from pipelines.features import FeatureCache
from pipelines.joining import AsItIs
from pipelines.makeanaudio import request
from pipelines.makeanaudio.request import SoundRequest
from pipelines.protocol import Diffusion, Frontend, Joiner, Vocoder
from pipelines.settings import PipelineSettings

if TYPE_CHECKING:
    from pipelines.makeanaudio.checkpoint import Files

NAME = "make-an-audio"


class MakeAnAudioPipeline:
    """One segment to a sound, so that nothing is joined."""

    sample_rate = request.SAMPLE_RATE
    takes_reference = False

    def frontend(self, settings: PipelineSettings, _features: FeatureCache) -> Frontend:
        from pipelines.makeanaudio.stages import MakeAnAudioFrontend

        return MakeAnAudioFrontend(_files(settings), settings)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.makeanaudio.stages import MakeAnAudioDiffusion

        return MakeAnAudioDiffusion(_files(settings), settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.makeanaudio.stages import MakeAnAudioVocoder

        return MakeAnAudioVocoder(_files(settings), settings)

    def joiner(self, _settings: PipelineSettings) -> Joiner:
        return AsItIs()

    def check(self, asked: SoundRequest, _settings: PipelineSettings) -> None:
        request.check(asked)


def _files(settings: PipelineSettings) -> Files:
    from pipelines.makeanaudio.checkpoint import Files

    return Files.under(model_folder(NAME, settings))
