"""Vectors of float32 in code that numba compiles: neighbouring channels, 8 or 16 at a time.

A compiler that is left to find the vectors itself finds none in the maps of a scheme. Here a map is
written down once for any kind of numbers (`schemes.py`), and the numbers are vectors that emit
LLVM's instructions. In memory values are float32, or bfloat16 as unsigned 16-bit integers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

LANES = (16, 8)
"""A register of AVX-512, two of AVX2, four of NEON; or half as many."""

_FLAGS = ("contract", "nsz")
_ROUNDER = 1.5 * 2**23
"""Added and taken away again, it rounds float32 to whole numbers."""


class Vector:
    """Emits an instruction for each operation."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._builder = builder
        self.value = value

    def __add__(self, other: Vector | float) -> Vector:
        return self._with("fadd", other)

    __radd__ = __add__

    def __sub__(self, other: Vector | float) -> Vector:
        return self._with("fsub", other)

    def __mul__(self, other: Vector | float) -> Vector:
        return self._with("fmul", other)

    __rmul__ = __mul__

    def __neg__(self) -> Vector:
        return Vector(self._builder, self._builder.fneg(self.value, flags=_FLAGS))

    def rounded(self) -> Vector:
        """To whole numbers, up to 2²²."""
        return self + _ROUNDER - _ROUNDER

    def _with(self, operation: str, other: Vector | float) -> Vector:
        if isinstance(other, Vector):
            value = other.value
        else:
            value = ir.Constant(self.value.type, [_float32(other)] * self.value.type.count)
        emit = getattr(self._builder, operation)
        return Vector(self._builder, emit(self.value, value, flags=_FLAGS))


def _float32(number: float) -> float:
    """The nearest float32: LLVM takes no other number for one."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


class Memory:
    """An array of numba's from an element on; elements are float32 or, as uint16, bfloat16."""

    def __init__(self, builder: Any, lanes: int, kind: Any, start: Any) -> None:
        self._builder = builder
        self._half = kind.dtype != types.float32
        self._start = start
        self._floats = ir.VectorType(ir.FloatType(), lanes)
        self._words = ir.VectorType(ir.IntType(32), lanes)
        self._halves = ir.VectorType(ir.IntType(16), lanes)

    def load(self, offset: Any) -> Vector:
        b = self._builder
        if not self._half:
            return Vector(b, b.load(self._at(offset), align=4))
        bits = b.shl(b.zext(b.load(self._at(offset), align=2), self._words), self._word(16))
        return Vector(b, b.bitcast(bits, self._floats))

    def spread(self, index: int) -> Vector:
        """One element in all lanes."""
        b = self._builder
        value = b.load(b.gep(self._start, [integer(index)]))
        single = b.insert_element(ir.Constant(self._floats, ir.Undefined), value, integer(0))
        mask = ir.Constant(self._words, [0] * self._words.count)
        return Vector(b, b.shuffle_vector(single, single, mask))

    def store(self, offset: Any, vector: Vector) -> None:
        b = self._builder
        if not self._half:
            b.store(vector.value, self._at(offset), align=4)
            return
        # To the nearest, and to even halfway between two.
        bits = b.bitcast(vector.value, self._words)
        odd = b.and_(b.lshr(bits, self._word(16)), self._word(1))
        rounded = b.lshr(b.add(b.add(bits, self._word(0x7FFF)), odd), self._word(16))
        b.store(b.trunc(rounded, self._halves), self._at(offset), align=2)

    def clear(self) -> None:
        b = self._builder
        zeros = ir.Constant(self._floats, [0.0] * self._floats.count)
        b.store(zeros, self._at(integer(0)), align=4)

    def _at(self, offset: Any) -> Any:
        kind = self._halves if self._half else self._floats
        address = self._builder.gep(self._start, [offset])
        return self._builder.bitcast(address, kind.as_pointer())

    def _word(self, number: int) -> Any:
        return ir.Constant(self._words, [number] * self._words.count)


def integer(number: int) -> Any:
    return ir.Constant(ir.IntType(64), number)


def operation(
    constants: tuple[Any, ...], arguments: tuple[Any, ...], emit: Callable[[Any, list[Any]], None]
) -> Any:
    """What an intrinsic of numba's returns whose arguments are compile-time `constants`, the first
    of them the number of lanes, and behind them arrays, each followed by the index of an element,
    and integers: `emit` gets the builder and a `Memory` for each pair, or the integer."""
    kinds = [kind if isinstance(kind, types.Array) else types.int64 for kind in arguments]
    lanes = constants[0].literal_value

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        operands: list[Any] = []
        array: tuple[Any, Any] | None = None
        for kind, value in zip(kinds, values[len(constants) :], strict=True):
            if isinstance(kind, types.Array):
                array = kind, context.make_array(kind)(context, builder, value).data
            elif array is not None:
                operands.append(Memory(builder, lanes, array[0], builder.gep(array[1], [value])))
                array = None
            else:
                operands.append(value)
        emit(builder, operands)
        return context.get_dummy_value()

    return types.void(*constants, *kinds), generate
