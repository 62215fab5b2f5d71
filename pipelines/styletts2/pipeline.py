"""The models of StyleTTS2's family as pipelines. Imports no torch before a stage is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.checkpoints import model_folder
from pipelines.joining import SilenceJoin
from pipelines.protocol import Diffusion, Frontend, Joiner, SpeechRequest, Vocoder
from pipelines.settings import PipelineSettings
from pipelines.styletts2.config import KOKORO

if TYPE_CHECKING:
    from pipelines.styletts2.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class StyleTTS2Pipeline:
    """A model installed under `name`: Kokoro, whose styles come from voice packs, or a published
    one, which samples them."""

    name: str
    packs: bool = False
    sample_rate: int = KOKORO.sample_rate

    def frontend(self, settings: PipelineSettings) -> Frontend:
        if self.packs:
            from pipelines.styletts2.frontend import kokoro_frontend

            return kokoro_frontend(settings)
        from pipelines.styletts2.references import official_frontend

        return official_frontend(self._checkpoint(settings), settings)

    def diffusion(self, settings: PipelineSettings) -> Diffusion:
        from pipelines.styletts2.diffusion import StyleTTS2Diffusion

        return StyleTTS2Diffusion(self._checkpoint(settings), settings)

    def vocoder(self, settings: PipelineSettings) -> Vocoder:
        from pipelines.styletts2.vocoder import StyleTTS2Vocoder

        return StyleTTS2Vocoder(self._checkpoint(settings), settings)

    def joiner(self, settings: PipelineSettings) -> Joiner:
        return SilenceJoin(settings.silence_seconds, self.sample_rate)

    def check(self, asked: SpeechRequest, settings: PipelineSettings) -> None:
        from pipelines.styletts2 import frontend

        (frontend.check if self.packs else frontend.check_official)(asked, settings)

    def _checkpoint(self, settings: PipelineSettings) -> Checkpoint:
        from pipelines.styletts2.checkpoint import kokoro, official

        if self.packs:
            return kokoro(settings)
        return official(model_folder(self.name, settings), settings)


KOKORO_VOICES = StyleTTS2Pipeline("kokoro", packs=True)
LIBRITTS = StyleTTS2Pipeline("styletts2-libritts")
LJSPEECH = StyleTTS2Pipeline("styletts2-ljspeech")
