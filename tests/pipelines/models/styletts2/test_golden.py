"""Against the int8 ONNX export of the same weights; see tests/goldens/record_kokoro.py.

Each part is fed the export's own inputs to it, so that errors do not add up. The export rounds
activations to 8 bits, so tolerances are what that costs (measured: durations 0.16 frames, F0 0.3 %
in the median, waveform correlation 0.976 to 0.984), with some room.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipelines.models.styletts2.acoustic import AcousticModel
from pipelines.models.styletts2.alignment import align, frame_counts
from pipelines.models.styletts2.decoder import Decoder
from pipelines.models.styletts2.diffusion import StyleTTS2Diffusion
from pipelines.models.styletts2.vocoder import StyleTTS2Vocoder
from pipelines.runtime.lengths import Lengths

GOLDEN = Path(__file__).parents[3] / "goldens" / "kokoro" / "export.safetensors"
UTTERANCES = range(3)


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    return load_file(GOLDEN)


@pytest.fixture(scope="module")
def acoustic(diffusion: StyleTTS2Diffusion) -> AcousticModel:
    return diffusion.model


@pytest.fixture(scope="module")
def decoder(vocoder: StyleTTS2Vocoder) -> Decoder:
    return vocoder.model


@pytest.mark.parametrize("number", UTTERANCES)
@torch.inference_mode()
def test_kokoro_durations_and_contours(
    acoustic: AcousticModel, golden: dict[str, Tensor], number: int
) -> None:
    tokens, style, durations, asr, f0, energy = _take(
        golden, number, "tokens", "style", "durations", "asr", "f0", "energy"
    )
    tokens, prosody = tokens[None].long(), style[None, 128:]
    lengths = Lengths.of([tokens.shape[1]])
    text = acoustic.bert_encoder(acoustic.bert(tokens, lengths))
    features, logits = acoustic.predictor.durations(text, prosody, lengths)
    assert torch.sigmoid(logits).sum(-1)[0] == pytest.approx(durations, abs=0.3)
    [counts] = frame_counts(logits, torch.ones(1), lengths)
    frames = durations.round().clamp(min=1).long()
    assert (counts == frames).float().mean() > 0.9

    aligned, spans = align(features, frames[None])
    contours = acoustic.predictor.contours(aligned, prosody, spans)
    voiced = f0 > 20
    assert ((contours[0][0] - f0).abs() / f0)[voiced].median() < 0.01
    assert (contours[1][0] - energy).abs().mean() < 0.1
    spoken = align(acoustic.text_encoder(tokens, lengths), frames[None])[0][0]
    assert (spoken - asr).norm() < 0.02 * asr.norm()


@pytest.mark.parametrize("number", UTTERANCES)
@torch.inference_mode()
def test_kokoro_waveform(decoder: Decoder, golden: dict[str, Tensor], number: int) -> None:
    style, asr, f0, energy, audio = _take(golden, number, "style", "asr", "f0", "energy", "audio")
    lengths = Lengths.of([asr.shape[1]])
    [wave] = decoder(asr[None], f0[None], energy[None], style[None, :128], lengths, None)
    assert wave.shape == audio.shape
    assert np.corrcoef(wave, audio)[0, 1] > 0.95
    assert audio.std() / wave.std() == pytest.approx(1.45, abs=0.1)


def _take(golden: dict[str, Tensor], number: int, *names: str) -> list[Tensor]:
    return [golden[f"{number}.{name}"] for name in names]
