"""What an object computes once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class kept(Generic[T]):  # noqa: N801 - used as a decorator
    """As `functools.cached_property`, without the lock that it has up to Python 3.11: a graph of
    torch cannot be captured through that."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__
        self._name = make.__name__

    @overload
    def __get__(self, owner: None, kind: type, /) -> kept[T]: ...

    @overload
    def __get__(self, owner: object, kind: type, /) -> T: ...

    def __get__(self, owner: object | None, kind: type, /) -> kept[T] | T:
        if owner is None:
            return self
        value = self._make(owner)
        owner.__dict__[self._name] = value
        return value
