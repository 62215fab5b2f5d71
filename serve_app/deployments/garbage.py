"""How often the interpreter looks for garbage, see `interpreter/sitecustomize.py`."""

from __future__ import annotations

import gc

USUAL = (700, 10, 10)
"""Of Python 3.11 and 3.12."""


def as_usual() -> None:
    """To be called when a replica has started. Serve then has what there is looked at no more."""
    gc.set_threshold(*USUAL)
