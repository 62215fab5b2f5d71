"""What the comparisons of one Seed-VC variant share: its models, its recordings, its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor, nn

from parity.comparison import RecordedTensors, Row, compare_abs
from pipelines.audio.recording import Recording as Audio
from pipelines.models.seedvc.checkpoint import SeedVCFiles, load_vocoder
from pipelines.models.seedvc.config import read_config
from pipelines.models.seedvc.flow import Flow
from pipelines.models.seedvc.frontend import SeedVCFrontend
from pipelines.models.seedvc.segments import ConversionSegment
from pipelines.models.seedvc.stages import SeedVCDiffusion, SeedVCVocoder
from pipelines.networks.vocoders.bigvgan import BigVGAN
from pipelines.settings import PipelineSettings

EXACT = 0.0


class Bench:
    """One variant under comparison. Tensors that a recording lacks are passed over."""

    def __init__(
        self, folder: Path, campplus: Path, settings: PipelineSettings, *, speaker_known: bool
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.speaker_known = speaker_known
        self.config = read_config(folder / "config.yml")
        self.files = SeedVCFiles.beside(folder, self.config, campplus)
        self.rows: list[Row] = []
        self._recordings = {
            path.stem: RecordedTensors(path)
            for path in [*folder.glob("*.safetensors"), *folder.glob("rmvpe/*.safetensors")]
        }

    @cached_property
    def frontend(self) -> SeedVCFrontend:
        return SeedVCFrontend.load(self.files, self.settings)

    @cached_property
    def diffusion(self) -> SeedVCDiffusion:
        return SeedVCDiffusion.load(self.files, self.settings)

    @cached_property
    def vocoder(self) -> SeedVCVocoder:
        return SeedVCVocoder.load(self.files, self.settings)

    @cached_property
    def plain_vocoder(self) -> BigVGAN:
        """With torch's own convolutions, which can be looked into: others take a block at once."""
        return load_vocoder(self.files.vocoder, self.settings.cache)

    def __contains__(self, recording: str) -> bool:
        return recording in self._recordings

    def recording(self, name: str) -> RecordedTensors:
        return self._recordings[name]

    @property
    def stages(self) -> RecordedTensors:
        return self._recordings["stages"]

    def audio(self, name: str) -> Audio:
        samples, rate = soundfile.read(
            self.folder.parent / "audio" / f"{name}.flac", dtype="float32"
        )
        return Audio(samples, rate)

    def check(
        self,
        stage: str,
        key: str,
        ours: Tensor,
        tolerance: float,
        golden: RecordedTensors | None = None,
    ) -> None:
        """Compare with the tensor `key` (of `stages`, if not of `golden`) where there is one."""
        golden = golden or self.stages
        if key in golden:
            recording = "" if golden is self.stages else f"{golden.name}."
            name = f"{self.folder.name}.{recording}{key}"
            self.rows.append(compare_abs(stage, name, ours.cpu(), golden[key], tolerance))

    def left_out(self) -> list[Row]:
        return [row for recording in self._recordings.values() for row in recording.left_out()]

    def solve(
        self, segment: ConversionSegment, noise: Tensor, watch: Callable[[Flow], None] | None = None
    ) -> Tensor:
        """The mel `[1, bands, frames]` that flows from `noise` `[1, bands, frames]`."""
        (flow,) = self.start([segment], [noise])
        while flow.steps_left:
            self.diffusion.step([flow])
            if watch:
                watch(flow)
        return torch.from_numpy(self.diffusion.finish([flow])[0].mel)[None]

    def start(self, segments: list[ConversionSegment], noises: list[Tensor]) -> list[Flow]:
        """Flows that begin with recorded noise instead of that of their seeds."""
        flows = self.diffusion.begin(segments)
        for flow, noise in zip(flows, noises, strict=True):
            flow.x = torch.cat([flow.x[: flow.prompt], noise[0].float().T])
        return flows


def segment_of(
    prompt: Tensor, style: Tensor, content: Tensor, steps: int, guidance: float
) -> ConversionSegment:
    """From recorded tensors: `[1, bands, frames]`, `[1, style]`, `[1, frames, channels]`."""
    frames = prompt.shape[2]
    return ConversionSegment(
        index=0,
        seed=0,
        length=content.shape[1],
        prompt=np.ascontiguousarray(prompt[0].T.numpy()),
        prompt_content=content[0, :frames].numpy(),
        style=style[0].numpy(),
        content=content[0, frames:].numpy(),
        steps=steps,
        guidance=guidance,
    )


@contextmanager
def outputs(model: nn.Module, layers: Mapping[str, str]) -> Iterator[dict[str, Tensor]]:
    """Collects under the given keys what the named layers of `model` return while it runs.

    A name that ends in `^` stands for what the layer is given. Copies: layers may work in place.
    """
    found: dict[str, Tensor] = {}

    def output(key: str) -> Callable[..., None]:
        return lambda _module, _inputs, out: found.update({key: out.clone()})

    def first_input(key: str) -> Callable[..., None]:
        return lambda _module, inputs: found.update({key: inputs[0].clone()})

    handles = []
    for key, name in layers.items():
        layer = model.get_submodule(name.removesuffix("^"))
        if name.endswith("^"):
            handles.append(layer.register_forward_pre_hook(first_input(key)))
        else:
            handles.append(layer.register_forward_hook(output(key)))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
