from __future__ import annotations

import math

import torch

from pipelines.networks.vocoders.source import HARMONICS, HarmonicSource, source_noise

RATE, STEP = 24_000, 300
CPU = torch.device("cpu")


def test_source_steady_pitch_is_a_sine_of_that_frequency_and_its_overtones() -> None:
    source = HarmonicSource(RATE, STEP)
    phases = source.phases(torch.full((1, 40), 200.0))
    assert phases.shape == (1, HARMONICS, 40 * STEP)
    inner = phases[0, :, STEP:-STEP]
    advance = (inner[:, 1:] - inner[:, :-1]).mean(1)
    for harmonic, step in enumerate(advance, start=1):
        assert math.isclose(step, 2 * math.pi * 200 * harmonic / RATE, rel_tol=1e-3)


def test_source_phase_holds_still_beyond_the_end_of_a_member() -> None:
    source = HarmonicSource(RATE, STEP)
    f0 = 100 + 50 * torch.rand(1, 20, generator=torch.Generator().manual_seed(0))
    alone = source.phases(f0)
    padded = source.phases(torch.cat([f0, torch.zeros(1, 15)], dim=1))
    torch.testing.assert_close(padded[..., : 20 * STEP], alone)


def test_source_unvoiced_frames_hold_only_noise() -> None:
    source = HarmonicSource(RATE, STEP)
    f0 = torch.tensor([[0.0] * 10 + [150.0] * 10])
    silent = source(f0, None)
    assert silent[0, : 10 * STEP].std() < 1e-6
    assert silent[0, 10 * STEP :].std() > 1e-3
    noise = source_noise([5], [20 * STEP], CPU)
    level = (source(f0, noise) - silent).std(dim=1)
    assert level > 0


def test_source_noise_is_each_members_own() -> None:
    both = source_noise([3, 4], [500, 200], CPU)
    alone = source_noise([4], [200], CPU)
    assert torch.equal(both[1, :200], alone[0])
    assert not both[1, 200:].any()
    assert not torch.equal(both[0, :200], both[1, :200])
    assert abs(float(both[0].std()) - 1) < 0.05
