"""The model as the service loads it, without a graph round it."""

from __future__ import annotations

from pipelines.bare import BarePipeline
from pipelines.protocol import Waveform
from pipelines.requests.sound import SoundRequest
from pipelines.settings import PipelineSettings


class Model:
    """Makes sounds one by one."""

    def __init__(self, pipeline: str, settings: PipelineSettings, steps: int) -> None:
        self._pipeline = BarePipeline("make-an-audio", pipeline, settings)
        self._steps = steps

    def make(self, prompt: str, seconds: float, seed: int = 0) -> Waveform:
        """`[samples]` at 16 kHz, as a clip would be."""
        return self._pipeline.clip(SoundRequest(prompt, seconds, self._steps, seed=seed))
