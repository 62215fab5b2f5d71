"""What stands in for CUDA graphs where there is no GPU.

A tape notes every operation of a call with the tensors that it works on, and repeats them in the
same memory. As with a graph, whatever Python found out meanwhile stays as it was, and what has to
wait for a number cannot be captured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "equal")
"""Operations for which a GPU is waited for."""


class Operations(TorchDispatchMode):
    """Notes operations, what they were given and what they gave."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(
        self, operation: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = operation._schema.name.split("::")[1]
        if name in WAITING:
            raise RuntimeError(f"{name} has to wait for a number")
        result = operation(*args, **(kwargs or {}))
        self.notes.append((operation, args, kwargs or {}, result))
        return result


class Tape:
    """A captured call."""

    def __init__(self, run: Callable[[], Tensor]) -> None:
        with Operations() as operations:
            self._result = run()
        self._notes = operations.notes
        self.bytes = _bytes(self._notes)

    def replay(self) -> Tensor:
        for operation, args, kwargs, before in self._notes:
            after = operation(*args, **kwargs)
            for old, new in zip(tree_leaves(before), tree_leaves(after), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)
        return self._result


def _bytes(notes: Any) -> int:
    """Of all that was made: the tape keeps it."""
    made = {}
    for _, _, _, results in notes:
        for result in tree_leaves(results):
            if isinstance(result, Tensor):
                storage = result.untyped_storage()
                made[storage.data_ptr()] = storage.nbytes()
    return sum(made.values())


class TapeCapturer:
    """Keeps the tapes that it makes. They share no memory."""

    def __init__(self, needed: int = 1) -> None:
        """`needed` is what each call is said to have alive."""
        self.needed = needed
        self.tapes: list[Tape] = []
        self.cleared = 0

    def measured(self, run: Callable[[], Tensor]) -> tuple[Tensor, int]:
        return run(), self.needed

    def capture(self, run: Callable[[], Tensor]) -> Tape:
        tape = Tape(run)
        self.tapes.append(tape)
        return tape

    def clear(self) -> None:
        self.cleared += 1
