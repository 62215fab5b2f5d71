from __future__ import annotations

import numpy as np
import pytest

from pipelines.fast_convolution.schemes import TAPS, kind_for, scheme

USED = sorted({(kind_for(taps, exact), taps) for taps in TAPS for exact in (True, False)})


@pytest.mark.parametrize(("kind", "taps"), USED)
def test_schemes_give_what_the_definition_gives(kind: str, taps: int) -> None:
    chosen = scheme(kind, taps)
    random = np.random.default_rng(taps)
    x, weights = random.standard_normal(chosen.inputs), random.standard_normal(taps)
    factors = chosen.analyse(list(x))
    assert len(factors) == chosen.products == len(chosen.weigh(weights))
    products = [a * b for a, b in zip(factors, chosen.weigh(weights), strict=True)]
    outputs = chosen.synthesise(products)[: chosen.outputs]
    np.testing.assert_allclose(outputs, np.correlate(x, weights), atol=1e-11)


@pytest.mark.parametrize(("kind", "taps"), USED)
def test_schemes_have_at_most_seven_tenths_of_the_products(kind: str, taps: int) -> None:
    chosen = scheme(kind, taps)
    assert chosen.products / chosen.outputs <= 0.7 * taps


@pytest.mark.parametrize("taps", TAPS)
def test_fourier_schemes_lose_no_digits_in_16_bits(taps: int) -> None:
    """Rounded factors leave an error not much larger than that of rounded inputs and weights."""
    chosen = scheme("fourier", taps)
    random = np.random.default_rng(0)
    x, weights = random.standard_normal((chosen.inputs, 500)), random.standard_normal((taps, 500))
    exact = np.array([(x[i : i + taps] * weights).sum(0) for i in range(chosen.outputs)])

    def rounded(values: np.ndarray) -> np.ndarray:
        step = 2.0 ** (np.floor(np.log2(np.abs(values) + 1e-30)) - 7)
        return np.round(values / step) * step

    factors = rounded(np.array(chosen.analyse(list(x)))) * rounded(chosen.weigh(weights))
    made = np.array(chosen.synthesise(list(factors))[: chosen.outputs])
    direct = np.array(
        [(rounded(x)[i : i + taps] * rounded(weights)).sum(0) for i in range(chosen.outputs)]
    )
    assert np.square(made - exact).mean() < 2.5 * np.square(direct - exact).mean()
