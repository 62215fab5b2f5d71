"""Counts what a model asks of a device.

On a GPU a batch is worth something as long as its operations do not grow in number with its
members: launching one takes about as long as computing a small one does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Operations(TorchDispatchMode):
    """Counts operations that are not views, and copies from this process to the device."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.copies = 0

    @property
    def total(self) -> int:
        return self.counts.total()

    def __torch_dispatch__(
        self, operation: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        name = operation._schema.name.split("::")[1]
        if _elsewhere(result) and (name.endswith("_") or not _views(result, args)):
            self.counts[name] += 1
            self.copies += _on_cpu(args)
        return result


def _on_cpu(args: Any) -> bool:
    tensors = [arg for arg in args if isinstance(arg, torch.Tensor)]
    return bool(tensors) and any(tensor.device.type == "cpu" for tensor in tensors)


def _views(result: Any, args: Any) -> bool:
    """Whether a result only shows what was given in another shape: nothing is computed for it."""
    first = result[0] if isinstance(result, list | tuple) else result
    given = (arg for arg in args if isinstance(arg, torch.Tensor))
    return any(first.untyped_storage()._cdata == one.untyped_storage()._cdata for one in given)


def _elsewhere(result: Any) -> bool:
    results = result if isinstance(result, list | tuple) else [result]
    return any(isinstance(one, torch.Tensor) and one.device.type != "cpu" for one in results)


@torch.inference_mode()
def operations(run: Callable[[], object]) -> Operations:
    """Of one call."""
    with Operations() as counted:
        run()
    return counted
