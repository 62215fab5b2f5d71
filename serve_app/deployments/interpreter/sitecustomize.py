"""Garbage is looked for less often. The interpreter imports this as it starts.

A replica makes some hundred thousand objects while it imports Ray, Serve and torch, and all of them
stay. Looking for garbage among them takes a quarter of that time. `garbage.as_usual` ends it.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

RARELY = (50_000, 20, 20)
"""New objects until the young ones are looked at, and how often until older ones are."""


def of_others() -> None:
    """Runs the `sitecustomize` that this one hides, where there is one."""
    here = Path(__file__).resolve().parent
    path = [each for each in sys.path if Path(each).resolve() != here]
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        sys.modules["sitecustomize"] = hidden = module_from_spec(spec)
        spec.loader.exec_module(hidden)


if __name__ == "sitecustomize":
    from fork_request import handed_over  # type: ignore[import-not-found]  # in this folder

    if handed_over(sys.orig_argv):
        os._exit(0)
    gc.set_threshold(*RARELY)
    of_others()
