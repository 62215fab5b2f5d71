from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pipelines.networks.vocoders.generator_config import IstftnetConfig
from pipelines.networks.vocoders.istftnet import IstftnetGenerator, Spectra
from pipelines.networks.vocoders.snake import SnakeResidual
from pipelines.networks.vocoders.source import source_noise
from pipelines.runtime.lengths import Lengths

SMALL = IstftnetConfig(initial_channels=16, resblock_kernels=(3, 7, 11))


def analysed(wave: Tensor) -> Tensor:
    """One wave `[samples]`, alone."""
    return Spectra(20, 5).analyse(wave[None], Lengths.of([len(wave)]))[0]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("samples", [[20], [600], [6005], [600, 20, 35], [40, 40]])
def test_spectra_invert(samples: list[int]) -> None:
    lengths = Lengths.of(samples)
    noise = torch.Generator().manual_seed(1)
    waves = lengths.clear(torch.randn(len(samples), 1, max(samples), generator=noise))[:, 0]
    spectra = Spectra(20, 5)
    magnitudes, phases = spectra.analyse(waves, lengths).chunk(2, dim=1)
    assert magnitudes.shape == (len(samples), 11, max(samples) // 5 + 1)
    frames = lengths.map(lambda count: count // 5 + 1)
    for wave, count, back in zip(
        waves, samples, spectra.synthesise(magnitudes, phases, frames), strict=True
    ):
        torch.testing.assert_close(back, wave[: count // 5 * 5], atol=1e-5, rtol=1e-4)


def test_every_member_is_reflected_at_its_own_ends() -> None:
    lengths = Lengths.of([600, 20, 35])
    waves = torch.randn(3, 600, generator=torch.Generator().manual_seed(4))
    together = Spectra(20, 5).analyse(waves, lengths)
    for spectra, wave, count in zip(together, waves, lengths.values, strict=True):
        torch.testing.assert_close(spectra[:, : count // 5 + 1], analysed(wave[:count]))


def test_istftnet_spectra_are_the_transform_of_a_hann_window() -> None:
    """One inner frame, by the definition in float64."""
    wave = torch.randn(200, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    magnitude, phase = analysed(wave.float()).double().chunk(2)
    n = torch.arange(20, dtype=torch.float64)
    window = 0.5 - 0.5 * torch.cos(2 * math.pi * n / 20)
    frame = wave[40:60] * window
    bins = torch.arange(11, dtype=torch.float64)[:, None]
    real = (frame * torch.cos(2 * math.pi * bins * n / 20)).sum(1)
    imaginary = -(frame * torch.sin(2 * math.pi * bins * n / 20)).sum(1)
    torch.testing.assert_close(magnitude[:, 10] * torch.cos(phase[:, 10]), real, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        magnitude[:, 10] * torch.sin(phase[:, 10]), imaginary, atol=1e-5, rtol=0
    )


def test_istftnet_real_bins_never_have_a_phase_of_minus_pi() -> None:
    wave = torch.randn(6000, generator=torch.Generator().manual_seed(3))
    _, phase = analysed(wave).chunk(2)
    assert phase[[0, -1]].min() >= 0
    assert (phase[[0, -1]] > 3).any()


@torch.inference_mode()
def test_snake_residual_is_its_formula() -> None:
    torch.manual_seed(0)
    block = SnakeResidual(channels=4, kernel=3, dilations=(1, 3), style=5)
    for alpha in (*block.alpha1, *block.alpha2):
        alpha.uniform_(0.2, 2)
    x, style, lengths = torch.randn(2, 4, 30), torch.randn(2, 5), Lengths.of([30, 30])
    expected = x
    for i in range(2):
        h = block.adain1[i](expected, style, lengths)
        h = block.convs1[i](h + torch.sin(block.alpha1[i] * h) ** 2 / block.alpha1[i])
        h = block.adain2[i](h, style, lengths)
        h = block.convs2[i](h + torch.sin(block.alpha2[i] * h) ** 2 / block.alpha2[i])
        expected = expected + h
    torch.testing.assert_close(block(x, style, lengths), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.usefixtures("either_way")
@torch.inference_mode()
def test_istftnet_padded_batch_of_the_generator_equals_each_member() -> None:
    torch.manual_seed(0)
    generator = IstftnetGenerator(SMALL, style=6, sample_rate=24_000).eval()
    sizes = [30, 8, 21]
    lengths = Lengths.of(sizes)
    x, style = torch.randn(3, 16, 30), torch.randn(3, 6)
    f0 = lengths.clear(150 + 40 * torch.randn(3, 1, 30))[:, 0]
    samples = [size * SMALL.samples_per_frame for size in sizes]
    noise = source_noise([1, 2, 3], samples, torch.device("cpu"))
    batch = generator(x, style, f0, lengths, noise)
    for i, size in enumerate(sizes):
        [alone] = generator(
            x[i : i + 1, :, :size],
            style[i : i + 1],
            f0[i : i + 1, :size],
            Lengths.of([size]),
            noise[i : i + 1, : samples[i]],
        )
        assert alone.shape == (size * SMALL.samples_per_frame,)
        error = (batch[i] - alone).square().sum() / alone.square().sum()
        assert 10 * math.log10(float(error) + 1e-20) < -25
