"""Importing this loads what Numba otherwise loads at the first call: half of a CPU-second, for a
process of which others are copies."""

from numba.core.registry import cpu_target

cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
