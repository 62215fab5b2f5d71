"""The model as the service loads it, without a graph round it."""

from __future__ import annotations

import time

import numpy as np

from pipelines import registry
from pipelines.makeanaudio.request import SoundRequest
from pipelines.protocol import Waveform
from pipelines.settings import PipelineSettings

SERVICE, PIPELINE = "make-an-audio", "foley"


class Model:
    """Makes sounds one by one; `cpu_seconds` is what the last one took."""

    def __init__(self, settings: PipelineSettings) -> None:
        names = (SERVICE, PIPELINE, settings)
        self._settings = settings
        self._frontend = registry.load_frontend(*names)
        self._diffusion = registry.load_diffusion(*names)
        self._vocoder = registry.load_vocoder(*names)
        self.cpu_seconds = 0.0

    def make(self, prompt: str, seconds: float, seed: int = 0) -> Waveform:
        """`[samples]` at 16 kHz, as a clip would be."""
        began = time.process_time()
        request = SoundRequest(prompt, seconds, seed=seed)
        [segments] = self._frontend.prepare([request])
        states = self._diffusion.begin(segments)
        joiner = registry.joiner(SERVICE, PIPELINE, self._settings)
        waves = self._vocoder.synthesize(self._diffusion.finish(states))
        made = np.concatenate([*(joiner.add(wave) for wave in waves), joiner.close()])
        self.cpu_seconds = time.process_time() - began
        return made
