"""How the published models speak: in the style of a recording, or in the one voice they have."""

from __future__ import annotations

import torch

from pipelines.audio.recording import Recording, at_rate
from pipelines.models.styletts2.checkpoint import Checkpoint
from pipelines.models.styletts2.frontend import Manner, StyleTTS2Frontend
from pipelines.models.styletts2.published.frontend import (
    FIELD,
    LANGUAGE,
    check_reference,
    recording_of,
    sampling_of,
    script_of,
)
from pipelines.models.styletts2.segments import Floats
from pipelines.models.styletts2.style_encoder import (
    SHORTEST_FRAMES,
    STYLE_MEL,
    StyleEncoder,
    reference_mel,
    trim_bounds,
)
from pipelines.protocol import InvalidInput, SpeechRequest
from pipelines.reference_features import ArraySpec, FeatureCache
from pipelines.runtime.device import configure
from pipelines.runtime.precision import place
from pipelines.runtime.transfer import to_device, to_host
from pipelines.settings import PipelineSettings
from pipelines.weights.state_dicts import identity

REVISION = 1
"""Goes up when another style is made of the same recording with the same weights."""


def published_frontend(
    checkpoint: Checkpoint, settings: PipelineSettings, features: FeatureCache | None = None
) -> StyleTTS2Frontend:
    """Speaks as a published model does. Raises WeightsMissing, CheckpointError."""
    multispeaker = checkpoint.config.multispeaker
    styles = ReferenceStyles(checkpoint, settings, features) if multispeaker else None

    def manner(request: SpeechRequest) -> Manner:
        sampling = sampling_of(request)
        style = None if styles is None else styles(recording_of(request))
        script = script_of(sampling, multispeaker=multispeaker)
        return Manner(script, LANGUAGE, lambda _: style, sampling=sampling)

    return StyleTTS2Frontend(manner, settings)


class ReferenceStyles:
    """The styles of recordings: timbre by one encoder, prosody by another."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        settings: PipelineSettings,
        features: FeatureCache | None = None,
    ) -> None:
        """`features` caches styles; by default in this process only. Raises WeightsMissing,
        CheckpointError."""
        runtime = configure(settings)
        self._device = runtime.device
        self._rate = checkpoint.config.sample_rate
        self._timbre = StyleEncoder(checkpoint.config)
        self._prosody = StyleEncoder(checkpoint.config)
        checkpoint.fill(self._timbre, "style_encoder.")
        checkpoint.fill(self._prosody, "predictor_encoder.")
        self._cache = FeatureCache() if features is None else features
        models = (self._timbre, self._prosody)
        self._model = f"styletts2-{identity((REVISION, checkpoint.config), *models)}"
        self._arrays = {"style": ArraySpec((2 * checkpoint.config.style,))}
        for encoder in models:
            place(encoder, runtime.exact)

    def __call__(self, recording: Recording) -> Floats:
        """`[2 · style]`, from the part of the recording that is sound. Raises InvalidInput."""
        check_reference(recording)
        digest = recording.digest()
        known = self._cache.find(digest, self._model, self._arrays)
        if known is None:
            known = {"style": self._encode(recording)}
            self._cache.keep(digest, self._model, known)
        return known["style"]

    @torch.inference_mode()
    def _encode(self, recording: Recording) -> Floats:
        wave = at_rate(recording, self._rate)
        first, end = trim_bounds(wave)
        if STYLE_MEL.frames(end - first) < SHORTEST_FRAMES:
            seconds = (SHORTEST_FRAMES - 1) * STYLE_MEL.hop / self._rate
            message = f"The {FIELD} recording must hold {seconds:g} seconds of sound or more."
            raise InvalidInput(FIELD, message, "audio_too_short")
        mel = reference_mel(to_device(wave[None, first:end], self._device))
        [style] = to_host(torch.cat([self._timbre(mel)[0], self._prosody(mel)[0]]))
        return style
