from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from parity.sizes import seedvc
from pipelines.audio.mel import MelConfig, log_mel, mel_filters, mel_spectrogram
from pipelines.models.styletts2.style_encoder import STYLE_MEL as STYLE
from pipelines.networks.rmvpe import RMVPE_MEL as PITCH

SPEECH = seedvc.SPEECH.mel


@pytest.mark.parametrize("config", [SPEECH, PITCH, STYLE])
def test_mel_filters_are_those_of_librosa(config: MelConfig) -> None:
    expected = librosa.filters.mel(
        sr=config.filter_rate,
        n_fft=config.fft,
        n_mels=config.bands,
        fmin=config.low,
        fmax=config.high,
        htk=config.scale == "htk",
        norm="slaney" if config.area_normalised else None,
    )
    # torchaudio computes the corners in float32, librosa in float64.
    rounding = 1e-5 * expected.max()
    np.testing.assert_allclose(mel_filters(config).numpy(), expected, rtol=0, atol=rounding)


@pytest.mark.parametrize("config", [SPEECH, PITCH, STYLE])
@pytest.mark.parametrize("samples", [1200, 5120, 5121])
def test_mel_frames(config: MelConfig, samples: int) -> None:
    spectrogram = mel_spectrogram(torch.zeros(2, samples), config)
    assert spectrogram.shape == (2, config.bands, config.frames(samples))


def test_mel_spectrogram_against_a_plain_transform() -> None:
    wave = torch.from_numpy(np.random.default_rng(0).standard_normal(4000).astype(np.float32))
    padded = np.pad(wave.numpy().astype(np.float64), SPEECH.padding, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    starts = range(0, len(padded) - 1023, 256)
    spectrum = np.stack([np.fft.rfft(padded[start : start + 1024] * window) for start in starts])
    expected = mel_filters(SPEECH).numpy() @ np.sqrt(np.abs(spectrum.T) ** 2 + 1e-9)
    np.testing.assert_allclose(mel_spectrogram(wave[None], SPEECH)[0], expected, rtol=1e-4)


def test_mel_silence_is_at_the_floor() -> None:
    assert torch.allclose(log_mel(torch.zeros(1, 4000), SPEECH), torch.tensor(1e-5).log(), atol=0.2)


def test_mel_wave_shorter_than_its_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        mel_spectrogram(torch.zeros(1, SPEECH.padding), SPEECH)
