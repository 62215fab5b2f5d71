"""Front end of voice conversion: recordings to windows of conditioning."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.mel import log_mel
from pipelines.precision import autocast, place
from pipelines.recording import Recording, at_rate
from pipelines.seedvc.campplus import CampPlus, speaker_embedding
from pipelines.seedvc.checkpoint import SeedVCFiles, load_campplus, load_regulator, load_rmvpe
from pipelines.seedvc.config import SeedVCConfig, read_config
from pipelines.seedvc.content import SAMPLE_RATE, ContentEncoder, load_content_encoder
from pipelines.seedvc.f0 import shift_pitch
from pipelines.seedvc.length_regulator import LengthRegulator
from pipelines.seedvc.request import ConversionRequest, check, recordings_of
from pipelines.seedvc.resampling import sinc_resample
from pipelines.seedvc.rmvpe import RMVPE, track_pitch
from pipelines.seedvc.segments import ConversionSegment, segment_seed
from pipelines.seedvc.windows import context_frames, window_bounds
from pipelines.settings import PipelineSettings
from pipelines.torch_runtime import Runtime, configure

REFERENCE_SECONDS = 25
REFERENCES_KEPT = 32


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A recording as the models hear it: `wave` `[samples]` at the model's rate, `narrow` at
    16 kHz, `features` `[frames, width]` of its content, `pitch` `[frames]` in Hz if it is seen."""

    wave: Tensor
    narrow: Tensor
    features: Tensor
    pitch: Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """What a conversion takes from a reference: log-mel `[frames, bands]`, speaker embedding
    `[style]`, conditioning `[frames, channels]`, and its pitch in Hz if the model sees it."""

    mel: Tensor
    style: Tensor
    content: Tensor
    pitch: Tensor | None


class SeedVCFrontend:
    """References are analysed once and kept by their content."""

    def __init__(
        self,
        config: SeedVCConfig,
        content: ContentEncoder,
        speaker: CampPlus,
        regulator: LengthRegulator,
        tracker: RMVPE | None,
        runtime: Runtime,
    ) -> None:
        """`tracker` is for models conditioned on F0. Only `content` runs in the runtime's type."""
        self.config = config
        self.content = content
        self.speaker = speaker
        self.regulator = regulator
        self.tracker = tracker
        self._runtime = runtime
        place(content, runtime)
        for module in filter(None, (speaker, regulator, tracker)):
            module.to(runtime.device)
        self._voices: OrderedDict[str, Voice] = OrderedDict()

    @classmethod
    def load(cls, files: SeedVCFiles, settings: PipelineSettings) -> SeedVCFrontend:
        """Raises CheckpointError where a file does not fit the configuration."""
        runtime, config = configure(settings), read_config(files.config)
        return cls(
            config,
            load_content_encoder(files.whisper),
            load_campplus(files.campplus, settings.cache),
            load_regulator(files.model, config, settings.cache),
            load_rmvpe(files.rmvpe, settings.cache) if files.rmvpe else None,
            runtime,
        )

    @torch.inference_mode()
    def prepare(self, requests: Sequence[ConversionRequest]) -> list[list[ConversionSegment]]:
        """One segment per window of source behind the whole reference. Raises InvalidInput."""
        for request in requests:
            check(request, pitched=self.config.pitched)
        pairs = [recordings_of(request) for request in requests]
        digests = [reference.digest() for _, reference in pairs]
        new = {
            digest: reference
            for digest, (_, reference) in zip(digests, pairs, strict=True)
            if digest not in self._voices
        }
        sources = [self.wave(source) for source, _ in pairs]
        references = [self.reference_wave(recording) for recording in new.values()]
        heard = self.hear([*sources, *references])
        voices = {digest: self._voices[digest] for digest in digests if digest in self._voices}
        for digest, reference in zip(new, heard[len(sources) :], strict=True):
            voices[digest] = self._voice(reference)
        self._keep(voices)
        return [
            list(self._segments(request, source, voices[digest]))
            for request, source, digest in zip(requests, heard, digests, strict=False)
        ]

    def hear(self, waves: Sequence[Tensor]) -> list[Heard]:
        """Waves at the model's rate, analysed; the content of all is encoded together."""
        rate = self.config.sample_rate
        narrow = [sinc_resample(wave[None], rate, SAMPLE_RATE)[0] for wave in waves]
        with autocast(self._runtime):
            features = self.content.features(narrow)
        pitches = [track_pitch(self.tracker, wave) if self.tracker else None for wave in narrow]
        return [Heard(*parts) for parts in zip(waves, narrow, features, pitches, strict=True)]

    def wave(self, recording: Recording) -> Tensor:
        """The recording at the model's rate, `[samples]`."""
        wave = at_rate(recording, self.config.sample_rate)
        return torch.from_numpy(wave).to(self._runtime.device)

    def reference_wave(self, recording: Recording) -> Tensor:
        """What the model takes of a reference: its first 25 s."""
        return self.wave(recording)[: REFERENCE_SECONDS * self.config.sample_rate]

    def _voice(self, heard: Heard) -> Voice:
        mel = log_mel(heard.wave[None], self.config.mel)[0]
        return Voice(
            mel=mel.T,
            style=speaker_embedding(self.speaker, heard.narrow),
            content=self._regulate(heard.features, mel.shape[1], heard.pitch),
            pitch=heard.pitch,
        )

    def _keep(self, voices: dict[str, Voice]) -> None:
        for digest, voice in voices.items():
            self._voices[digest] = voice
            self._voices.move_to_end(digest)
        while len(self._voices) > REFERENCES_KEPT:
            self._voices.popitem(last=False)

    def _segments(
        self, request: ConversionRequest, source: Heard, voice: Voice
    ) -> Iterator[ConversionSegment]:
        config = self.config
        frames = int(config.mel.frames(len(source.wave)) * request.length_adjust)
        content = self._source_content(request, source, voice, frames)
        prompt, style = voice.mel.cpu().numpy(), voice.style.cpu().numpy()
        window = context_frames(config.sample_rate, config.mel.hop) - len(prompt)
        for index, (start, stop) in enumerate(window_bounds(frames, window)):
            conditioning = torch.cat([voice.content, content[start:stop]])
            yield ConversionSegment(
                index=index,
                seed=segment_seed(request.seed, index),
                length=len(conditioning),
                prompt=np.ascontiguousarray(prompt),
                style=style,
                content=conditioning.cpu().numpy(),
                steps=request.steps,
                guidance=request.guidance,
            )

    def _source_content(
        self, request: ConversionRequest, source: Heard, voice: Voice, frames: int
    ) -> Tensor:
        pitch = source.pitch
        if pitch is not None and voice.pitch is not None:
            pitch = shift_pitch(
                pitch, voice.pitch, match=request.match_pitch, semitones=request.semitones
            )
        return self._regulate(source.features, frames, pitch)

    def _regulate(self, features: Tensor, frames: int, pitch: Tensor | None) -> Tensor:
        several = None if pitch is None else pitch[None]
        regulated: Tensor = self.regulator(features[None], frames, several)
        return regulated[0]
