# mypy: disable-error-code="no-untyped-def, no-untyped-call, call-arg"
"""The compiled loops over steps, tiles and channels.

Signals are `[steps, channels]`, float32. A block holds `dilation` phases of tiles each, in which
neighbours are `dilation` steps apart; a tile is what a scheme makes its outputs from. Factors and
products are `[products, tiles, channels]`, with `pitch` elements from one product to the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

from pipelines.fast_convolution.operations import (
    RING,
    analyse_tile,
    clear,
    fall,
    rise,
    snake,
    synthesise_tile,
)
from pipelines.fast_convolution.schemes import scheme
from pipelines.fast_convolution.vectors import LANES

F = TypeVar("F", bound=Callable[..., Any])
Loop = Callable[..., None]


def _compiled(function: F) -> F:
    """For the processor at hand, on the first call; kept on disk where that can be written."""
    try:
        return cast("F", njit(nogil=True, cache=True)(function))
    except RuntimeError:  # numba found no folder
        return cast("F", njit(nogil=True)(function))


@cache
def _sources() -> str:
    """A digest of what the loops are compiled from beside this file, which is all that numba looks
    at when it takes them from the disk: as a constant it is part of each loop's own name there."""
    folder = Path(__file__).parent
    names = ("operations.py", "schemes.py", "vectors.py")
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()


def lanes_for(channels: int) -> int | None:
    """As many as divide the channels, if any do."""
    return next((lanes for lanes in LANES if channels % lanes == 0), None)


@cache
def snake_loop(lanes: int) -> Loop:
    sources = _sources()

    def activate(x, steps, first, scale, shift, slope, u):
        """`operations.snake` from step `first` on, phase by phase, to `u`
        `[dilation, rows, channels]`. Zeros outside the `steps` of `x`."""
        dilation, rows, channels = u.shape
        source, target = x.reshape(-1), u.reshape(-1)
        for n in range(dilation * rows):
            step = first + n
            at, to = step * channels, (n % dilation * rows + n // dilation) * channels
            if 0 <= step < steps:
                for c in range(0, channels, lanes):
                    snake(lanes, sources, source, at + c, scale, c, shift, c, slope, c,
                          target, to + c)  # fmt: skip
            else:
                for c in range(0, channels, lanes):
                    clear(lanes, sources, target, to + c)

    return _compiled(activate)


@cache
def filtered_snake_loop(lanes: int) -> Loop:
    """The anti-aliased snake of BigVGAN; what is computed, says `vocoders/antialias.py`."""
    sources = _sources()

    def activate(x, steps, first, alpha, slope, rising, falling, ring, edge, u):
        """As `snake_loop`. `ring` is `[2, RING, channels]`, `edge` `[7, channels]`, for use."""
        dilation, rows, channels = u.shape
        target, source, near = u.reshape(-1), x.reshape(-1), edge.reshape(-1)
        even, odd = ring[0].reshape(-1), ring[1].reshape(-1)
        start, stop = max(first, 0), min(first + dilation * rows, steps)
        for step in range(start - 3, stop + 3):
            # What lies beyond the ends is their activated value, of the phase that is there.
            inside = min(max(step, 0), steps - 1)
            place = (step & (RING - 1)) * channels
            if inside >= 3 and inside + 3 < steps:
                for c in range(0, channels, lanes):
                    rise(lanes, sources, source, (inside - 3) * channels + c, channels, rising, 0,
                         alpha, c, slope, c, even, place + c, odd, place + c)  # fmt: skip
            else:
                for i in range(7):
                    edge[i] = x[min(max(inside - 3 + i, 0), steps - 1)]
                for c in range(0, channels, lanes):
                    rise(lanes, sources, near, c, channels, rising, 0, alpha, c, slope, c,
                         even, place + c, odd, place + c)  # fmt: skip
            if step < 0:
                ring[1, step & (RING - 1)] = ring[0, step & (RING - 1)]
            elif step >= steps:
                ring[0, step & (RING - 1)] = ring[1, step & (RING - 1)]
            done = step - 3
            if done >= start:
                n = done - first
                to = (n % dilation * rows + n // dilation) * channels
                for c in range(0, channels, lanes):
                    fall(lanes, sources, even, c, odd, c, done, channels, falling, 0,
                         target, to + c)  # fmt: skip
        for n in range(dilation * rows):
            if not 0 <= first + n < steps:
                u[n % dilation, n // dilation] = 0

    return _compiled(activate)


@cache
def tile_loops(lanes: int, kind: str, taps: int) -> tuple[Loop, Loop]:
    """Analysis and synthesis of a block by a scheme."""
    sources, outputs = _sources(), scheme(kind, taps).outputs

    def analyse(u, tiles, factors, pitch):
        source = u.reshape(-1)
        dilation, rows, channels = u.shape
        for phase in range(dilation):
            for tile in range(tiles):
                row = (phase * rows + tile * outputs) * channels
                to = (phase * tiles + tile) * channels
                for c in range(0, channels, lanes):
                    analyse_tile(lanes, sources, kind, taps, source, row + c, channels,
                                 factors, to + c, pitch)  # fmt: skip

    def synthesise(products, pitch, dilation, tiles, first, bias, added, added_step, y, spare):
        """To `y` from step `first` on, with `bias` and `added` steps, `added_step` elements apart:
        0 if all are the same. `spare` is `[outputs + 1, channels]`, zeros in its last row, for
        tiles that reach beyond the end."""
        steps = len(y)
        channels = y.shape[1]
        target, more, tile_at_end = y.reshape(-1), added.reshape(-1), spare.reshape(-1)
        for phase in range(dilation):
            for tile in range(tiles):
                source = (phase * tiles + tile) * channels
                start = first + phase + dilation * tile * outputs
                if start + dilation * (outputs - 1) < steps:
                    to, by = start * channels, dilation * channels
                    for c in range(0, channels, lanes):
                        synthesise_tile(lanes, sources, kind, taps, products, source + c, pitch,
                                        bias, c, more, start * added_step + c,
                                        dilation * added_step, target, to + c, by)  # fmt: skip
                elif start < steps:
                    nothing = outputs * channels
                    for c in range(0, channels, lanes):
                        synthesise_tile(lanes, sources, kind, taps, products, source + c, pitch,
                                        bias, c, tile_at_end, nothing + c, 0,
                                        tile_at_end, c, channels)  # fmt: skip
                    for i in range(outputs):
                        step = start + dilation * i
                        if step < steps:
                            for c in range(channels):
                                y[step, c] = spare[i, c] + more[step * added_step + c]

    return _compiled(analyse), _compiled(synthesise)


def _moments(y, first, last, result):
    """Mean and summed squared deviation of each channel over steps `first` to `last`:
    `result` `[2, channels]`."""
    channels = y.shape[1]
    mean, square = result[0], result[1]
    mean[:] = 0
    square[:] = 0
    for step in range(first, last):
        row = y[step]
        for c in range(channels):
            mean[c] += row[c]
    share = np.float32(1 / (last - first))
    for c in range(channels):
        mean[c] *= share
    for step in range(first, last):
        row = y[step]
        for c in range(channels):
            deviation = row[c] - mean[c]
            square[c] += deviation * deviation


moments: Loop = _compiled(_moments)
