from __future__ import annotations

import numpy as np
import torch

from pipelines.networks.fcpe import HOP, SAMPLE_RATE
from tests.pipelines.models.revoice.conftest import Converter


@torch.inference_mode()
def test_fcpe_gliding_voice_is_followed_and_silence_has_no_pitch(converter: Converter) -> None:
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    hertz = 110 * 2 ** (seconds / 2)
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    wave = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))
    wave = np.concatenate([0.1 * wave, np.zeros(SAMPLE_RATE // 2)]).astype(np.float32)
    pitch = converter.frontend.tracker(torch.from_numpy(wave)[None])[0].numpy()
    assert len(pitch) == len(wave) // HOP
    middles = ((np.arange(len(pitch)) + 0.5) * HOP).astype(int)[5:190]
    np.testing.assert_allclose(pitch[5:190], hertz[middles], rtol=0.02)
    assert (pitch[215:] == 0).all()
