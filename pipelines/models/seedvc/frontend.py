"""Front end of voice conversion: recordings to windows of conditioning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.audio.mel import log_mel
from pipelines.audio.recording import Recording, at_rate
from pipelines.audio.resampling import sinc_resample
from pipelines.audio.voice_activity import speech_gate
from pipelines.models.seedvc.checkpoint import (
    SeedVCFiles,
    load_campplus,
    load_regulator,
    load_rmvpe,
)
from pipelines.models.seedvc.config import SeedVCConfig, read_config
from pipelines.models.seedvc.content import SAMPLE_RATE, ContentEncoder, load_content_encoder
from pipelines.models.seedvc.f0 import shift_pitch
from pipelines.models.seedvc.length_regulator import LengthRegulator
from pipelines.models.seedvc.segments import ConversionSegment
from pipelines.models.seedvc.windows import context_frames, window_bounds
from pipelines.networks.campplus import CampPlus, speaker_embedding
from pipelines.networks.rmvpe import RMVPE, track_pitch
from pipelines.reference_features import ArraySpec, FeatureCache, Features
from pipelines.requests.conversion import ConversionRequest, check, recordings_of
from pipelines.runtime.device import Runtime, configure
from pipelines.runtime.precision import autocast, place
from pipelines.runtime.seeds import segment_seed
from pipelines.settings import PipelineSettings
from pipelines.weights.state_dicts import identity

REFERENCE_SECONDS = 25
REVISION = 1
"""Goes up when other features are made of the same recording with the same weights."""


@dataclass(frozen=True, slots=True, eq=False)
class AnalysedRecording:
    """What the models find in a recording: `wave` `[samples]` at the model's rate, `narrow` at
    16 kHz, `features` `[frames, width]` of its content, `pitch` `[frames]` in Hz if it is seen."""

    wave: Tensor
    narrow: Tensor
    features: Tensor
    pitch: Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class TargetVoice:
    """What a conversion takes from a reference: log-mel `[frames, bands]`, speaker embedding
    `[style]`, conditioning `[frames, channels]`, and its pitch in Hz if the model sees it."""

    mel: Tensor
    style: Tensor
    content: Tensor
    pitch: Tensor | None

    def features(self) -> Features:
        parts = {"mel": self.mel, "style": self.style, "content": self.content}
        if self.pitch is not None:
            parts["pitch"] = self.pitch
        return {name: np.ascontiguousarray(part.cpu().numpy()) for name, part in parts.items()}

    @classmethod
    def of(cls, features: Features, device: torch.device) -> TargetVoice:
        parts = {name: torch.from_numpy(part).to(device) for name, part in features.items()}
        return cls(parts["mel"], parts["style"], parts["content"], parts.get("pitch"))


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
        features: FeatureCache | None = None,
    ) -> None:
        """`tracker` is for models conditioned on F0. Only `content` runs in the runtime's type.
        `features` caches references; by default in this process only."""
        self.config = config
        self.content = content
        self.speaker = speaker
        self.regulator = regulator
        self.tracker = tracker
        self._runtime = runtime
        self._cache = FeatureCache() if features is None else features
        models = (content, speaker, regulator, *([] if tracker is None else [tracker]))
        self._model = f"seedvc-{identity((REVISION, config, runtime.dtype), *models)}"
        place(content, runtime)
        for module in models[1:]:
            place(module, runtime.exact)

    @classmethod
    def load(
        cls, files: SeedVCFiles, settings: PipelineSettings, features: FeatureCache | None = None
    ) -> SeedVCFrontend:
        """Raises CheckpointError where a file does not fit the configuration."""
        runtime, config = configure(settings), read_config(files.config)
        return cls(
            config,
            load_content_encoder(files.whisper),
            load_campplus(files.campplus, settings.cache),
            load_regulator(files.model, config, settings.cache),
            load_rmvpe(files.rmvpe, settings.cache) if files.rmvpe else None,
            runtime,
            features,
        )

    @torch.inference_mode()
    def prepare(self, requests: Sequence[ConversionRequest]) -> list[list[ConversionSegment]]:
        """One segment per window of source behind the whole reference. Raises InvalidInput."""
        for request in requests:
            check(request, pitched=self.config.pitched)
        pairs = [recordings_of(request) for request in requests]
        digests = [reference.digest() for _, reference in pairs]
        looked_up = {digest: self._known(digest) for digest in dict.fromkeys(digests)}
        voices = {digest: voice for digest, voice in looked_up.items() if voice is not None}
        new = {
            digest: reference
            for digest, (_, reference) in zip(digests, pairs, strict=True)
            if digest not in voices
        }
        sources = [self.wave(source) for source, _ in pairs]
        references = [self.reference_wave(recording) for recording in new.values()]
        analysed = self.analyse([*sources, *references])
        for digest, reference in zip(new, analysed[len(sources) :], strict=True):
            voice = voices[digest] = self._voice(reference)
            self._cache.keep(digest, self._model, voice.features())
        return [
            list(self._segments(request, source, voices[digest]))
            for request, source, digest in zip(requests, analysed, digests, strict=False)
        ]

    def analyse(self, waves: Sequence[Tensor]) -> list[AnalysedRecording]:
        """Waves at the model's rate, analysed; the content of all is encoded together."""
        rate = self.config.sample_rate
        narrow = [sinc_resample(wave[None], rate, SAMPLE_RATE)[0] for wave in waves]
        with autocast(self._runtime):
            features = self.content.features(narrow)
        pitches = [track_pitch(self.tracker, wave) if self.tracker else None for wave in narrow]
        return [
            AnalysedRecording(*parts)
            for parts in zip(waves, narrow, features, pitches, strict=True)
        ]

    def wave(self, recording: Recording) -> Tensor:
        """The recording at the model's rate, `[samples]`."""
        wave = at_rate(recording, self.config.sample_rate)
        return torch.from_numpy(wave).to(self._runtime.device)

    def reference_wave(self, recording: Recording) -> Tensor:
        """What the model takes of a reference: its first 25 s."""
        return self.wave(recording)[: REFERENCE_SECONDS * self.config.sample_rate]

    def _voice(self, analysed: AnalysedRecording) -> TargetVoice:
        mel = log_mel(analysed.wave[None], self.config.mel)[0]
        return TargetVoice(
            mel=mel.T,
            style=speaker_embedding(self.speaker, analysed.narrow),
            content=self._regulate(analysed.features, mel.shape[1], analysed.pitch),
            pitch=analysed.pitch,
        )

    def _known(self, digest: str) -> TargetVoice | None:
        """The voice of a reference that has been analysed before, by this model."""
        config = self.config
        arrays = {
            "mel": ArraySpec(("frames", config.mel.bands)),
            "style": ArraySpec((config.dit.style,)),
            "content": ArraySpec(("frames", config.dit.content)),
        }
        if config.pitched:
            arrays["pitch"] = ArraySpec(("pitches",), np.float64)
        features = self._cache.find(digest, self._model, arrays)
        return None if features is None else TargetVoice.of(features, self._runtime.device)

    def _segments(
        self, request: ConversionRequest, source: AnalysedRecording, voice: TargetVoice
    ) -> Iterator[ConversionSegment]:
        config = self.config
        frames = int(config.mel.frames(len(source.wave)) * request.length_adjust)
        content = self._source_content(request, source, voice, frames)
        prompt = np.ascontiguousarray(voice.mel.cpu().numpy())
        prompt_content, style = voice.content.cpu().numpy(), voice.style.cpu().numpy()
        window = context_frames(config.sample_rate, config.mel.hop) - len(prompt)
        seconds = (np.arange(frames) + 0.5) * config.mel.hop / config.sample_rate
        gate = speech_gate(recordings_of(request)[0], seconds / request.length_adjust)
        for index, (start, stop) in enumerate(window_bounds(frames, window)):
            yield ConversionSegment(
                index=index,
                seed=segment_seed(request.seed, index, bits=64),
                length=len(prompt) + stop - start,
                prompt=prompt,
                prompt_content=prompt_content,
                style=style,
                # A copy: a view would take the whole source along.
                content=content[start:stop].cpu().numpy().copy(),
                steps=request.steps,
                guidance=request.guidance,
                gate=gate[start:stop].copy(),
            )

    def _source_content(
        self, request: ConversionRequest, source: AnalysedRecording, voice: TargetVoice, frames: int
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
