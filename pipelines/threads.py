"""Work of a thread that computes, shared out among as many as torch uses there.

What they make depends on no number of threads: a segment gives the same samples alone on all cores
and beside another on one of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def use_threads(count: int) -> None:
    """The calling thread computes with so many of torch's, which other threads do not share."""
    # A thread's first question gives it the number that any thread has set last. Setting a number
    # makes the thread forget the kernels that it knows.
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


def share_out(work: Callable[[range], None], count: int) -> None:
    """`work` on parts of `range(count)`, by as many threads as torch uses."""
    threads = torch.get_num_threads()
    parts = min(threads, count)
    if parts <= 1:
        work(range(count))
    else:
        list(_helpers.of(threads).map(work, (range(n, count, parts) for n in range(parts))))


def one_thread_each(work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """What `work` returns for each part: for operations whose sums depend on how many threads torch
    shares them out among. Here each is one thread's."""
    threads = torch.get_num_threads()
    if threads == 1:
        return [work(part) for part in parts]
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def there(part: T) -> R:
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            return work(part)

    return list(_helpers.of(threads).map(there, parts))


class _Helpers(threading.local):
    """Of each thread its own, which have its priority."""

    def __init__(self) -> None:
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def of(self, threads: int) -> ThreadPoolExecutor:
        """Threads each of which is all that torch uses inside."""
        if threads not in self._pools:
            self._pools[threads] = ThreadPoolExecutor(threads, "convolution", use_threads, (1,))
        return self._pools[threads]


_helpers = _Helpers()
