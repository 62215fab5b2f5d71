"""Front end of the small converter: a recording to windows of content, pitch and level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.audio.recording import Recording, at_rate
from pipelines.audio.voice_activity import speech_gate
from pipelines.models.revoice.checkpoint import load_pitch, load_whisper
from pipelines.models.revoice.contour import sampled, shift
from pipelines.models.revoice.head import FRAME_SECONDS, LEVELS_PER_FRAME, at_frames
from pipelines.models.revoice.levels import levels
from pipelines.models.revoice.request import check, source_of
from pipelines.models.revoice.segments import Floats, RevoiceSegment
from pipelines.models.revoice.windows import Window, windows
from pipelines.networks.fcpe import FCPE, HOP
from pipelines.networks.whisper import SAMPLE_RATE, SAMPLES_PER_FEATURE, WhisperEncoder
from pipelines.protocol import Waveform
from pipelines.requests.conversion import ConversionRequest
from pipelines.runtime.device import Runtime, configure
from pipelines.runtime.precision import autocast, place
from pipelines.runtime.seeds import segment_seed
from pipelines.settings import PipelineSettings
from pipelines.voices.timbre import Timbre, Timbres

PITCHES_PER_FRAME = 2


@dataclass(frozen=True, slots=True, eq=False)
class AnalysedWindow:
    """What the models find in a window: `features` `[frames, 512]` of Whisper at the frames from
    `begin` to `end`, `pitch` `[2 · frames]` in Hz at those from `start` to `stop`."""

    window: Window
    features: NDArray[np.float16]
    pitch: Floats


class RevoiceFrontend:
    """Whisper for what is said, FCPE for the melody."""

    def __init__(
        self,
        whisper: WhisperEncoder,
        tracker: FCPE,
        timbres: Timbres,
        settings: PipelineSettings,
        runtime: Runtime,
    ) -> None:
        self.whisper = whisper
        self.tracker = tracker
        self._timbres = timbres
        self._settings = settings
        self._runtime = runtime
        place(whisper, runtime)
        place(tracker, runtime)

    @classmethod
    def load(cls, settings: PipelineSettings) -> RevoiceFrontend:
        """Raises WeightsMissing, CheckpointError."""
        runtime = configure(settings)
        timbres = Timbres.load(settings.checkpoints)
        return cls(load_whisper(settings), load_pitch(settings), timbres, settings, runtime)

    def prepare(self, requests: Sequence[ConversionRequest]) -> list[list[RevoiceSegment]]:
        """One segment per window of the source. Raises InvalidInput."""
        return [self._segments(request) for request in requests]

    def _segments(self, request: ConversionRequest) -> list[RevoiceSegment]:
        check(request, self._settings)
        source = source_of(request)
        wave = at_rate(source, SAMPLE_RATE)
        timbre = self._timbres.of(request.voice)
        stretch = request.length_adjust
        loudness = _loudness(wave, stretch)
        analysed = [self.analyse(wave, window, stretch) for window in windows(loudness.max(axis=1))]
        speech = _speech(source, len(loudness), stretch)
        gates = [_values(speech, one.window) for one in analysed]
        # What hums where nobody speaks is not of the melody.
        melody = [one.pitch * gate for one, gate in zip(analysed, gates, strict=True)]
        pitches = shift(melody, timbre.pitch_hz, request.semitones)
        return [
            _segment(one, index, pitch, gate, loudness, timbre, segment_seed(request.seed, index))
            for index, (one, pitch, gate) in enumerate(zip(analysed, pitches, gates, strict=True))
        ]

    @torch.inference_mode()
    def analyse(self, wave: Waveform, window: Window, stretch: float) -> AnalysedWindow:
        """One window, alone, so that the result does not depend on how long the source is."""
        seconds = FRAME_SECONDS / stretch
        first = int(window.begin * seconds * SAMPLE_RATE)
        cut = wave[first : int(np.ceil(window.end * seconds * SAMPLE_RATE))]
        whole = -(-max(len(cut), 4 * HOP) // SAMPLES_PER_FEATURE) * SAMPLES_PER_FEATURE
        samples = torch.from_numpy(np.pad(cut, (0, whole - len(cut))))[None]
        with autocast(self._runtime):
            samples = samples.to(self._runtime.device)
            features, pitch = self.whisper(samples)[0], self.tracker(samples)[0]
        start = window.begin * seconds - first / SAMPLE_RATE
        values = np.arange((window.stop - window.start) * PITCHES_PER_FRAME) + 0.5
        times = (window.start - window.begin + values / PITCHES_PER_FRAME) * seconds + start
        return AnalysedWindow(
            window,
            at_frames(features, window.end - window.begin, start, stretch).half().cpu().numpy(),
            sampled(pitch.float().cpu().numpy(), SAMPLE_RATE / HOP, times),
        )


def _loudness(wave: Waveform, stretch: float) -> Floats:
    """Levels at the frames of what will be spoken, `[frames, 2]`."""
    found = levels(wave)
    frames = max(1, round(len(wave) / SAMPLE_RATE * stretch / FRAME_SECONDS))
    places = (np.arange(frames * LEVELS_PER_FRAME) + 0.5) / stretch
    nearest = np.clip(places.astype(int), 0, len(found) - 1)
    loudness: Floats = found[nearest].reshape(frames, LEVELS_PER_FRAME)
    return loudness


def _speech(source: Recording, frames: int, stretch: float) -> Floats:
    """1 where somebody speaks, at the pitches of what will be spoken: `[2 · frames]`."""
    values = np.arange(frames * PITCHES_PER_FRAME) + 0.5
    return speech_gate(source, values / PITCHES_PER_FRAME * FRAME_SECONDS / stretch)


def _values(speech: Floats, window: Window) -> Floats:
    """Those of a window."""
    return speech[PITCHES_PER_FRAME * window.start : PITCHES_PER_FRAME * window.stop].copy()


def _segment(
    analysed: AnalysedWindow,
    index: int,
    pitch: Floats,
    gate: Floats,
    loudness: Floats,
    timbre: Timbre,
    seed: int,
) -> RevoiceSegment:
    window = analysed.window
    return RevoiceSegment(
        index=index,
        seed=seed,
        length=window.end - window.begin,
        content=analysed.features,
        # A copy: a view would take the whole source along.
        levels=loudness[window.begin : window.end].copy(),
        before=window.start - window.begin,
        after=window.end - window.stop,
        pitch=pitch,
        gate=gate,
        style=timbre.style,
        gain=timbre.gain,
    )
