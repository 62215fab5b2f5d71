"""Operations on the vectors of a few channels, for the compiled loops.

Arguments are the constants, then arrays, each with the index of its first element, and strides. The
constant `sources` is there for numba's sake: what it keeps on disk is told apart by it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import intrinsic

from pipelines.fast_convolution.schemes import scheme
from pipelines.fast_convolution.vectors import Vector, integer, operation

RING = 8
"""Steps of the two phases that are kept for the filter behind an anti-aliased activation."""


def _sine_square() -> list[float]:
    """Coefficients of sin²(r) = Σ cᵢ r²ⁱ, i = 1..7, for |r| ≤ π/2, to 1e-10."""
    r = np.cos(np.pi * (np.arange(200) + 0.5) / 200) * np.pi / 2
    powers = np.stack([r ** (2 * i) for i in range(1, 8)], axis=1)
    return [float(c) for c in np.linalg.lstsq(powers, np.sin(r) ** 2, rcond=None)[0]]


_SINE_SQUARE = _sine_square()
_PI_HIGH = 3.140625
_PI_LOW = math.pi - _PI_HIGH


def _sine_squared(u: Vector) -> Vector:
    """sin²(u), to the precision of float32 for |u| up to some thousands."""
    turns = (u * (1 / math.pi)).rounded()
    r = u - turns * _PI_HIGH - turns * _PI_LOW
    z = r * r
    power = z * _SINE_SQUARE[-1] + _SINE_SQUARE[-2]
    for coefficient in _SINE_SQUARE[-3::-1]:
        power = power * z + coefficient
    return power * z


@intrinsic(prefer_literal=True)
def clear(_: Any, lanes: Any, sources: Any, y: Any, y0: Any) -> Any:
    return operation((lanes, sources), (y, y0), lambda _, operands: operands[0].clear())


@intrinsic(prefer_literal=True)
def snake(
    _: Any,
    lanes: Any,
    sources: Any,
    x: Any,
    x0: Any,
    scale: Any,
    scale0: Any,
    shift: Any,
    shift0: Any,
    slope: Any,
    slope0: Any,
    y: Any,
    y0: Any,
) -> Any:
    """`(u + sin² u) · slope` with `u = scale · x + shift`."""

    def emit(_: Any, operands: list[Any]) -> None:
        x, scale, shift, slope, y = operands
        first = integer(0)
        u = x.load(first) * scale.load(first) + shift.load(first)
        y.store(first, (u + _sine_squared(u)) * slope.load(first))

    arguments = (x, x0, scale, scale0, shift, shift0, slope, slope0, y, y0)
    return operation((lanes, sources), arguments, emit)


@intrinsic(prefer_literal=True)
def rise(
    _: Any,
    lanes: Any,
    sources: Any,
    x: Any,
    x0: Any,
    step: Any,
    taps: Any,
    taps0: Any,
    alpha: Any,
    alpha0: Any,
    slope: Any,
    slope0: Any,
    even: Any,
    even0: Any,
    odd: Any,
    odd0: Any,
) -> Any:
    """Both phases at twice the rate, activated, from seven steps; `taps` are 6 for each phase."""

    def emit(b: Any, operands: list[Any]) -> None:
        x, step, taps, alpha, slope, even, odd = operands
        first = integer(0)
        values = [x.load(b.mul(step, integer(i))) for i in range(7)]
        for phase, target in enumerate((even, odd)):
            total = values[phase] * taps.spread(6 * phase)
            for j in range(1, 6):
                total = total + values[phase + j] * taps.spread(6 * phase + j)
            wave = _sine_squared(total * alpha.load(first))
            target.store(first, total + wave * slope.load(first))

    arguments = (x, x0, step, taps, taps0, alpha, alpha0, slope, slope0, even, even0, odd, odd0)
    return operation((lanes, sources), arguments, emit)


@intrinsic(prefer_literal=True)
def fall(
    _: Any,
    lanes: Any,
    sources: Any,
    even: Any,
    even0: Any,
    odd: Any,
    odd0: Any,
    step: Any,
    channels: Any,
    taps: Any,
    taps0: Any,
    y: Any,
    y0: Any,
) -> Any:
    """The filtered phases at a step, from their rings; `taps` are 6 for each phase."""

    def emit(b: Any, operands: list[Any]) -> None:
        even, odd, step, channels, taps, y = operands
        total: Any = None
        for phase, (ring, first) in enumerate(((even, -2), (odd, -3))):
            for j in range(6):
                place = b.and_(b.add(step, integer(first + j)), integer(RING - 1))
                term = ring.load(b.mul(place, channels)) * taps.spread(6 * phase + j)
                total = term if total is None else total + term
        y.store(integer(0), total)

    arguments = (even, even0, odd, odd0, step, channels, taps, taps0, y, y0)
    return operation((lanes, sources), arguments, emit)


@intrinsic(prefer_literal=True)
def analyse_tile(
    _: Any,
    lanes: Any,
    sources: Any,
    kind: Any,
    taps: Any,
    x: Any,
    x0: Any,
    step: Any,
    y: Any,
    y0: Any,
    pitch: Any,
) -> Any:
    """The factors of a tile, `pitch` apart, from inputs `step` apart."""
    chosen = scheme(kind.literal_value, taps.literal_value)

    def emit(b: Any, operands: list[Any]) -> None:
        x, step, y, pitch = operands
        values = [x.load(b.mul(step, integer(i))) for i in range(chosen.inputs)]
        for i, factor in enumerate(chosen.analyse(values)):
            y.store(b.mul(pitch, integer(i)), factor)

    return operation((lanes, sources, kind, taps), (x, x0, step, y, y0, pitch), emit)


@intrinsic(prefer_literal=True)
def synthesise_tile(
    _: Any,
    lanes: Any,
    sources: Any,
    kind: Any,
    taps: Any,
    z: Any,
    z0: Any,
    pitch: Any,
    bias: Any,
    bias0: Any,
    added: Any,
    added0: Any,
    added_step: Any,
    y: Any,
    y0: Any,
    step: Any,
) -> Any:
    """The outputs of a tile, `step` apart, from its products; a bias and something more added."""
    chosen = scheme(kind.literal_value, taps.literal_value)

    def emit(b: Any, operands: list[Any]) -> None:
        z, pitch, bias, added, added_step, y, step = operands
        products = [z.load(b.mul(pitch, integer(i))) for i in range(chosen.products)]
        constant = bias.load(integer(0))
        for i, output in enumerate(chosen.synthesise(products)[: chosen.outputs]):
            more = added.load(b.mul(added_step, integer(i)))
            y.store(b.mul(step, integer(i)), output + constant + more)

    arguments = (z, z0, pitch, bias, bias0, added, added0, added_step, y, y0, step)
    return operation((lanes, sources, kind, taps), arguments, emit)
