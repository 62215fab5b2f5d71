"""What the comparisons of StyleTTS2 share: its models, its recordings, its rows."""

from __future__ import annotations

import json
from pathlib import Path

import soundfile
import torch
from torch import Tensor

from parity.comparison import RecordedTensors, Row, compare_abs
from pipelines.audio.recording import Recording as Sound
from pipelines.models.styletts2.checkpoint import published_checkpoint
from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion
from pipelines.models.styletts2.styles import mixed_style
from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder
from pipelines.requests.speech import Sampling, StyledRequest
from pipelines.runtime.device import Runtime
from pipelines.runtime.lengths import Lengths
from pipelines.settings import PipelineSettings

EXACT = 0.0
ABSOLUTE, RELATIVE = 2e-5, 1e-5
"""An output may differ by ABSOLUTE and by RELATIVE times the largest value recorded."""
TEXTS = ("text_a", "text_b")
REFERENCE = "ref_24k_mono"
"""The recording whose voice speaks the texts."""
DEFAULTS, LONG_FORM = Sampling(), Sampling(long_form=True)
FLOAT32 = Runtime(torch.device("cpu"), torch.float32)


class Comparison:
    """The recordings of one folder, and the rows found so far."""

    def __init__(self, folder: Path, settings: PipelineSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.checkpoint = published_checkpoint(folder, settings)
        self.config = self.checkpoint.config
        self.acoustic = StyleTTS2Diffusion(self.checkpoint, settings).model
        self.decoder = StyleTTS2Vocoder(self.checkpoint, settings).model
        manifest = json.loads((folder / "manifest.json").read_text())
        self.spoken: dict[str, str] = {
            f"text_{name}": text["text"] for name, text in manifest["texts"].items()
        }
        names = ("reference", *TEXTS, "decoder_direct", "batch2", "longform")
        self.recordings = {name: RecordedTensors(folder / f"{name}.safetensors") for name in names}
        self.rows: list[Row] = []

    def check(
        self,
        recording: str,
        key: str,
        ours: Tensor,
        absolute: float = ABSOLUTE,
        also: Tensor | None = None,
    ) -> None:
        """Compare with the tensor `key` of a recording, if it has that. Where another rounding of
        ours, `also`, is further away than the tolerance, that is as near as any can come."""
        if key not in self.recordings[recording]:
            return
        golden = self.recordings[recording][key]
        largest = golden.abs().max().item() if golden.is_floating_point() else 0.0
        tolerance = absolute + RELATIVE * largest if absolute else EXACT
        if also is not None:
            tolerance = max(tolerance, (also - ours).abs().max().item())
        self.rows.append(compare_abs(recording, key, ours, golden, tolerance))

    def reference_style(self, recording: RecordedTensors) -> Tensor | None:
        """The style of the speaker, `[batch, 2 · style]`, for models of many speakers."""
        return recording["ref_s"] if self.config.multispeaker else None

    def sound(self, name: str) -> Sound:
        samples, rate = soundfile.read(self.folder / f"{name}.wav", dtype="float32")
        return Sound(samples, rate)


def request_of(c: Comparison, name: str) -> StyledRequest:
    reference = c.sound(REFERENCE) if c.config.multispeaker else None
    return StyledRequest(c.spoken[name], reference=reference)


def lengths_of(recording: RecordedTensors) -> Lengths:
    return Lengths.of(recording["input_lengths"].tolist())


def check_style(
    c: Comparison,
    name: str,
    prefix: str,
    sampled: Tensor,
    recording: RecordedTensors,
    sampling: Sampling,
    previous: Tensor | None = None,
) -> Tensor:
    """Compare both halves of the style that is spoken with, which is returned."""
    reference = c.reference_style(recording)
    style = torch.from_numpy(
        mixed_style(
            sampled.numpy(),
            sampling,
            None if reference is None else reference[0].numpy(),
            None if previous is None else previous.numpy(),
        )
    )
    timbre, prosodic = style[None].chunk(2, dim=1)
    c.check(name, f"{prefix}ref", timbre)
    c.check(name, f"{prefix}s", prosodic)
    return style


def duration_logits(c: Comparison, recording: RecordedTensors, style: Tensor) -> Tensor:
    text, lengths = recording["bert_encoder.out"].mT, lengths_of(recording)
    return c.acoustic.predictor.durations(text, style, lengths)[1]
