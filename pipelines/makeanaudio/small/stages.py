"""The vocoder stage of the small model; its other stages are those of the official one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pipelines.makeanaudio.request import SAMPLE_RATE
from pipelines.makeanaudio.segments import SoundAcoustic
from pipelines.makeanaudio.small.checkpoint import SmallFiles
from pipelines.precision import autocast, place
from pipelines.protocol import Waveform
from pipelines.settings import PipelineSettings
from pipelines.torch_runtime import configure


class SmallVocoder:
    """One sound at a time. The seed of a segment also fixes the phases that it starts from."""

    sample_rate = SAMPLE_RATE

    def __init__(self, files: SmallFiles, settings: PipelineSettings) -> None:
        self._runtime = configure(settings)
        self._model = files.vocoder()
        place(self._model, self._runtime)

    @torch.inference_mode()
    def synthesize(self, acoustics: Sequence[SoundAcoustic]) -> list[Waveform]:
        """What a sound lacks of the length asked for is added as silence at each end."""
        return [np.pad(self._waveform(acoustic), acoustic.missing) for acoustic in acoustics]

    def _waveform(self, acoustic: SoundAcoustic) -> Waveform:
        phases = torch.Generator().manual_seed(acoustic.seed)
        mel = torch.from_numpy(acoustic.mel)[None].to(self._runtime.device)
        with autocast(self._runtime):
            samples = self._model(mel, phases)
        waveform: Waveform = samples[0].float().cpu().numpy()
        return waveform
