"""Limits of the numbers in a request."""

from __future__ import annotations

import math

from pipelines.protocol import InvalidInput


def check_range(field: str, value: float, limits: tuple[float, float], whose: str = "The") -> None:
    """Raises InvalidInput where `value` is not finite or not within `limits`, both included."""
    low, high = limits
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidInput(field, f"{whose} {field} must lie between {low:g} and {high:g}.")
