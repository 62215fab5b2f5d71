"""Short convolutions with fewer products than the definition has.

A filter of k taps gives m outputs from n = m + k - 1 inputs, yᵢ = Σⱼ wⱼ xᵢ₊ⱼ, by the definition
with m·k products. Evaluated at n points, the polynomials behind it are multiplied point by point
(Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks", 2016): linear maps of n inputs and of k taps, one product for each
point, a linear map of the products. For a layer the product of two numbers is that of two matrices,
while the maps cost as much as a filter of a single channel.

`ToomCook` has real points: the fewest products, but the maps lose digits, so that it suits float32.
`Fourier` has the roots of unity: it loses none, so that the products may be in 16 bits; a pair of
conjugate points takes three real products (Gauss).

The maps are written for any kind of numbers that add, subtract, negate and multiply by constants.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Number = Any
Complex = tuple[Number, Number | None]
"""Real and imaginary part; None where that is known to be zero."""


class Scheme(ABC):
    inputs: int
    taps: int
    products: int

    @property
    def outputs(self) -> int:
        return self.inputs - self.taps + 1

    @abstractmethod
    def analyse(self, x: Sequence[Number]) -> list[Number]:
        """`inputs` values to the factors of `products` products."""

    @abstractmethod
    def weigh(self, taps: NDArray[Any]) -> NDArray[np.float64]:
        """`[taps, ...]` to the other factors, `[products, ...]`."""

    @abstractmethod
    def synthesise(self, z: Sequence[Number]) -> list[Number]:
        """`products` products to the outputs; there may be more than `outputs`, of no meaning."""


class ToomCook(Scheme):
    """Points 0, ∞ and ±p for each p of `pairs`."""

    def __init__(self, taps: int, pairs: Sequence[str]) -> None:
        self.taps = taps
        self.inputs = self.products = 2 + 2 * len(pairs)
        points = [Fraction(0), *(sign * Fraction(p) for p in pairs for sign in (1, -1))]
        analysis = np.array(_interpolation(points), np.float64)
        values = np.array([float(point) for point in points])
        at_infinity = np.eye(self.inputs)[-1:]
        weighing = np.vander(values, taps, increasing=True)
        synthesis = np.vander(values, self.outputs, increasing=True)
        # The same for the point at infinity: the highest coefficient.
        weighing = np.vstack([weighing, at_infinity[:, -taps:]])
        synthesis = np.vstack([synthesis, at_infinity[:, -self.outputs :]])
        # Any scale of a point cancels; these keep the factors and products of one size.
        scale_in, scale_out = np.linalg.norm(analysis, axis=1), np.abs(synthesis).max(axis=1)
        self._analysis = analysis / scale_in[:, None]
        self._weighing = weighing * (scale_in * scale_out)[:, None]
        self._synthesis = synthesis / scale_out[:, None]

    def weigh(self, taps: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.tensordot(self._weighing, taps.astype(np.float64), 1))

    def analyse(self, x: Sequence[Number]) -> list[Number]:
        factors = [_weighted(self._analysis[0], x)]
        for row in self._analysis[1:-1:2]:
            # The row of -p is that of p with every other sign changed.
            even, odd = _weighted(row[::2], x[::2]), _weighted(row[1::2], x[1::2])
            factors += [even + odd, even - odd]
        return [*factors, _weighted(self._analysis[-1], x)]

    def synthesise(self, z: Sequence[Number]) -> list[Number]:
        pairs = list(zip(z[1:-1:2], z[2:-1:2], strict=True))
        parts = [[p + q for p, q in pairs], [p - q for p, q in pairs]]
        outputs = []
        for i, column in enumerate(self._synthesis.T):
            y = _weighted(column[1:-1:2], parts[i % 2])
            if column[0]:
                y = z[0] * float(column[0]) + y
            if column[-1]:
                y = z[-1] * float(column[-1]) + y
            outputs.append(y)
        return outputs


def _interpolation(points: Sequence[Fraction]) -> list[list[float]]:
    """Coefficients of the polynomials that are 1 at one of the points, 0 at the others and have no
    highest coefficient; last, of the one that is 0 at all of them."""
    rows = []
    for point in [*points, None]:
        row = [Fraction(1)]
        for zero in points:
            if zero == point:
                continue
            divisor = Fraction(1) if point is None else point - zero
            higher, lower = [Fraction(0), *row], [*row, Fraction(0)]
            row = [(a - zero * b) / divisor for a, b in zip(higher, lower, strict=True)]
        rows.append([float(each) for each in row] + [0.0] * (point is not None))
    return rows


def _weighted(coefficients: NDArray[np.float64], values: Sequence[Number]) -> Number:
    """Σ cᵢ vᵢ; at least one coefficient is not zero."""
    total: Number = None
    for coefficient, value in zip(coefficients, values, strict=True):
        if coefficient:
            term = value * float(coefficient)
            total = term if total is None else total + term
    return total


class Fourier(Scheme):
    """The roots of unity of order `inputs`, a power of two."""

    def __init__(self, taps: int, inputs: int) -> None:
        self.taps = taps
        self.inputs = inputs
        self.products = 2 + 3 * (inputs // 2 - 1)

    def weigh(self, taps: NDArray[Any]) -> NDArray[np.float64]:
        spectrum = np.conj(np.fft.rfft(taps.astype(np.float64), self.inputs, axis=0)) / self.inputs
        factors = [spectrum[0].real]
        for value in spectrum[1:-1]:
            factors += [value.real, value.imag - value.real, value.real + value.imag]
        return np.stack([*factors, spectrum[-1].real])

    def analyse(self, x: Sequence[Number]) -> list[Number]:
        factors = []
        for real, imaginary in _spectrum(x):
            factors += [real] if imaginary is None else [real + imaginary, real, imaginary]
        return factors

    def synthesise(self, z: Sequence[Number]) -> list[Number]:
        spectrum: list[Complex] = [(z[0], None)]
        for k1, k2, k3 in zip(z[1:-1:3], z[2:-1:3], z[3:-1:3], strict=True):
            spectrum.append((k1 - k3, k1 + k2))
        return _signal([*spectrum, (z[-1], None)], self.inputs)


def _spectrum(x: Sequence[Number]) -> list[Complex]:
    """Bins 0 to n / 2 of real values: radix 2, decimated in time."""
    if len(x) == 1:
        return [(x[0], None)]
    even, odd = _spectrum(x[::2]), _spectrum(x[1::2])
    half, quarter = len(x) // 2, len(x) // 4
    bins: list[Complex] = [(0, None)] * (half + 1)
    for k in range(quarter + 1):
        turned = _turned(odd[k], -2 * math.pi * k / len(x))
        bins[half - k] = _conjugate(_sum(even[k], _negated(turned)))
        bins[k] = _sum(even[k], turned)
    return bins


def _signal(bins: Sequence[Complex], length: int) -> list[Number]:
    """`length` times the real values whose bins 0 to `length` / 2 are given."""
    if length == 1:
        return [bins[0][0]]
    half = length // 2
    even: list[Complex] = []
    odd: list[Complex] = []
    for k in range(length // 4 + 1):
        low, high = bins[k], _conjugate(bins[half - k])
        turned = _turned(_sum(low, _negated(high)), 2 * math.pi * k / length)
        sums = _sum(low, high)
        if k and 2 * k == half:
            # Of one bin and its own conjugate: both are real.
            imaginary: Number = low[1]
            sums, turned = (low[0] * 2.0, None), (imaginary * -2.0, None)
        even.append(sums)
        odd.append(turned)
    values: list[Number] = [None] * length
    values[::2], values[1::2] = _signal(even, half), _signal(odd, half)
    return values


def _turned(z: Complex, angle: float) -> Complex:
    """`z` times exp(i · angle), for multiples of a right angle without products."""
    real, imaginary = z
    cosine, sine = math.cos(angle), math.sin(angle)
    if abs(sine) < 1e-9:
        return z if cosine > 0 else _negated(z)
    if abs(cosine) < 1e-9:
        turned = (0.0 if imaginary is None else -imaginary, real)
        return turned if sine > 0 else _negated(turned)
    if imaginary is None:
        return real * cosine, real * sine
    return real * cosine - imaginary * sine, real * sine + imaginary * cosine


def _sum(a: Complex, b: Complex) -> Complex:
    if a[1] is None:
        return a[0] + b[0], b[1]
    return a[0] + b[0], a[1] if b[1] is None else a[1] + b[1]


def _negated(z: Complex) -> Complex:
    return -z[0], None if z[1] is None else -z[1]


def _conjugate(z: Complex) -> Complex:
    return z[0], None if z[1] is None else -z[1]


_PAIRS = {3: ("0.43", "0.81", "1.17", "2.36")}
"""By taps: spread so that the maps lose the fewest digits. A layer in float32 is exact to 110 dB
with these; each further pair costs 8 dB, which whole networks cannot spare against recordings of
the reference. For 7 and 11 taps so few points save no more than roots of unity, which keep 127
dB."""

_ROOTS = {3: 16, 7: 16, 11: 32}
"""By taps: beyond these orders the factors no longer fit into the cache."""

TAPS = tuple(_ROOTS)


def kind_for(taps: int, exact: bool) -> str:
    """The kind of scheme for filters of `taps`, one of `TAPS`, whose products are `exact`, in
    float32, or in 16 bits."""
    return "toom-cook" if exact and taps in _PAIRS else "fourier"


@cache
def scheme(kind: str, taps: int) -> Scheme:
    """The scheme of a kind, `toom-cook` or `fourier`, for filters of `taps`: see `kind_for`."""
    return ToomCook(taps, _PAIRS[taps]) if kind == "toom-cook" else Fourier(taps, _ROOTS[taps])
