"""A thread that does something before each layer that it computes, such as to wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from torch.nn.modules import module

_own = threading.local()
_lock = threading.Lock()
_installed = False


def before_each_layer(act: Callable[[], None]) -> None:
    """The calling thread, and no other, calls `act` before each module of torch, for good."""
    global _installed
    _own.act = act
    with _lock:
        if not _installed:
            module.register_module_forward_pre_hook(_act)
            _installed = True


def _act(_module: module.Module, _inputs: Any) -> None:
    act = getattr(_own, "act", None)
    if act is not None:
        act()
