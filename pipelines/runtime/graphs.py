"""Functions of tensors that are captured by shape and replayed: CUDA graphs.

A GPU is done with a small operation sooner than Python can launch the next. A graph launches all
operations of a call at once. It computes in the shapes that it was captured in, from memory of its
own: what goes in is copied there, and what comes out is copied from there.

The graphs of a stage share one pool of memory, as they are replayed one at a time: it is about as
large as the largest of them needs where that is captured first.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Protocol

import torch
from torch import Tensor

log = logging.getLogger(__name__)

CAPACITY = 64
"""Graphs that are kept. The one that was not used for longest goes first."""
REMEMBERED = 4 * CAPACITY
"""Calls of other shapes after which one that was met once counts as new."""
FAILURES = 3
"""After so many nothing more is captured."""
TOLERANCE = 1e-2
"""Root mean square of the difference between a replay and a plain call, relative to the result.
Both launch the same kernels; it is larger where something was captured that has to be read."""
MIB = 1 << 20

Argument = Tensor | Hashable
Key = tuple[Hashable, ...]


class Graph(Protocol):
    """A call that can be repeated."""

    @property
    def bytes(self) -> int:
        """By which it made the pool larger."""
        ...

    def replay(self) -> Tensor:
        """The result for what is in the inputs now, in memory that the next replay of any graph
        of the pool may use."""
        ...


class Capturer(Protocol):
    """Captures calls into one pool of memory."""

    def measured(self, run: Callable[[], Tensor]) -> tuple[Tensor, int]:
        """The result of a plain call, and the bytes that it had alive at a time."""
        ...

    def capture(self, run: Callable[[], Tensor]) -> Graph:
        """Raises where a call cannot be captured."""
        ...

    def clear(self) -> None:
        """Begin another pool. The graphs of the former are not used any more."""
        ...


@dataclass(frozen=True, slots=True)
class Capturing:
    """How the network of a stage is captured: into a pool of `budget` bytes, and which batches at
    the start: at most `max_batch` members and a padded length of `max_length`."""

    capturer: Capturer
    budget: int
    max_batch: int = 1
    max_length: int = 1

    def batches(self, length: int) -> list[int]:
        """Members of the batches of one length that are captured at the start, largest first."""
        most = min(self.max_batch, max(1, self.max_length // length))
        return sorted({min(rounded_up(count), most) for count in range(1, most + 1)}, reverse=True)


def rounded_up(count: int) -> int:
    """To 1, 2, 3, 4, 6, 8, 12, 16, 24 and so on: less than a third of the result is too much."""
    power = 1 << (count - 1).bit_length()
    return power * 3 // 4 if count <= power * 3 // 4 else power


@dataclass(slots=True)
class _Captured:
    inputs: Sequence[Argument]
    graph: Graph
    compared: bool = False
    """Whether a replay was compared with a plain call."""

    def of(self, arguments: Sequence[Argument]) -> Tensor:
        for own, given in zip(self.inputs, arguments, strict=True):
            if isinstance(own, Tensor) and isinstance(given, Tensor):
                own.copy_(given)
        return self.graph.replay().clone()


class Graphed:
    """A function of tensors and of values that can be hashed, which gives one tensor.

    Shapes that come a second time are captured. The first replay is compared with a plain call.
    What cannot be captured, needs more memory than there is for graphs, or gives something else
    when replayed, is called as it is from then on. All calls come from one thread.
    """

    def __init__(
        self, name: str, function: Callable[..., Tensor], graphs: Capturing | None = None
    ) -> None:
        """`name` is what is logged. Without `graphs` nothing is captured."""
        self.name = name
        self._function = function
        self._graphs = graphs
        self._captured: OrderedDict[Key, _Captured] = OrderedDict()
        self._met: OrderedDict[Key, bool] = OrderedDict()
        """Shapes that were met, and whether they may be captured."""
        self._failures = 0
        self.bytes = 0
        """Of the pool."""

    def __str__(self) -> str:
        return f"{self.name}: {len(self._captured)} graphs, {self.bytes / MIB:.1f} MiB"

    @property
    def captures(self) -> bool:
        """Whether shapes should be rounded up to few."""
        return self._graphs is not None and self._failures < FAILURES

    def rows(self, count: int) -> int:
        """How many rows a batch of so many should have: more where it is captured."""
        return rounded_up(count) if self.captures else count

    def warm_up(self, length: int, run: Callable[[int, int], object]) -> None:
        """Capture batches of members of one length before a stage is ready, if anything is.

        `run(members, seed)` calls this function at least twice for a batch of noise from a seed: it
        is met and captured, and with another seed compared and replayed. Where a run fails the rest
        are left out, to be captured when they are met.
        """
        if self._graphs is None:
            return
        start = time.monotonic()
        try:
            for members, seed in product(self._graphs.batches(length), (1, 2)):
                run(members, seed)
        except Exception:
            log.exception("%s was not captured to the end", self.name)
        log.info("%s, after %.1f s", self, time.monotonic() - start)

    def __call__(self, *arguments: Argument) -> Tensor:
        if self._graphs is None:
            return self._function(*arguments)
        key = _key(arguments)
        if (found := self._captured.get(key)) is not None:
            self._captured.move_to_end(key)
            return found.of(arguments) if found.compared else self._compared(key, found, arguments)
        if self._is_due(key):
            return self._capture(key, arguments, self._graphs)
        return self._function(*arguments)

    def _is_due(self, key: Key) -> bool:
        """Whether a call is to be captured; it is remembered."""
        due = self._met.pop(key, None)
        self._met[key] = True if due is None else due
        if len(self._met) > REMEMBERED:
            self._met.popitem(last=False)
        return bool(due) and self.captures

    def _capture(self, key: Key, arguments: Sequence[Argument], graphs: Capturing) -> Tensor:
        """The result of a plain call, which is captured after that."""
        inputs = [each.clone() if isinstance(each, Tensor) else each for each in arguments]
        run = partial(self._function, *inputs)
        try:
            result, needed = graphs.capturer.measured(run)
            if needed > graphs.budget:
                self._leave(key, f"needs {needed // MIB} MiB of {graphs.budget // MIB}")
                return result
            graph = graphs.capturer.capture(run)
        except Exception as error:  # noqa: BLE001 - whatever forbids a graph, the call may work
            self._failed(key, f"cannot be captured: {type(error).__name__}: {error}")
            return self._function(*arguments)
        self._captured[key] = _Captured(inputs, graph)
        self.bytes += graph.bytes
        log.info(
            "captured %s of %s: %.1f MiB alive at a time; %.1f MiB for all graphs",
            *(self.name, _said(key), needed / MIB, self.bytes / MIB),
        )
        self._make_room(graphs)
        return result

    def _make_room(self, graphs: Capturing) -> None:
        """Keep few enough graphs. Where the pool has become too large all go, because none owns a
        part of it; the next ones come in an order that may suit it better."""
        if len(self._captured) > CAPACITY:
            self._captured.popitem(last=False)
        if self.bytes > graphs.budget:
            log.info("%s: the graphs took %d MiB and go", self.name, self.bytes // MIB)
            self._captured.clear()
            graphs.capturer.clear()
            self.bytes = 0

    def _compared(self, key: Key, found: _Captured, arguments: Sequence[Argument]) -> Tensor:
        result = self._function(*arguments)
        difference = (found.of(arguments) - result).float().square().mean().sqrt()
        if bool(difference <= TOLERANCE * result.float().square().mean().sqrt()):
            found.compared = True
        else:
            del self._captured[key]
            self._failed(key, f"gave something else when replayed, by {float(difference):.2g}")
        return result

    def _failed(self, key: Key, why: str) -> None:
        self._failures += 1
        self._leave(key, why if self.captures else f"{why}; nothing more is captured")

    def _leave(self, key: Key, why: str) -> None:
        """Never capture a call of these shapes."""
        self._met[key] = False
        log.warning("%s of %s runs without a graph: it %s", self.name, _said(key), why)


def _key(arguments: Iterable[Argument]) -> Key:
    return tuple(
        (tuple(each.shape), each.dtype) if isinstance(each, Tensor) else each for each in arguments
    )


def _said(key: Key) -> str:
    """The shapes of what a call is given."""
    shapes = [each[0] for each in key if isinstance(each, tuple)]
    return " ".join("x".join(map(str, shape)) for shape in shapes)


@dataclass(slots=True)
class _CudaGraph:
    graph: torch.cuda.CUDAGraph
    result: Tensor
    bytes: int

    def replay(self) -> Tensor:
        self.graph.replay()
        return self.result


class CudaCapturer:
    """Captures CUDA graphs on a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def measured(self, run: Callable[[], Tensor]) -> tuple[Tensor, int]:
        """On the stream of the capturer, so that libraries have their workspaces there before
        anything is captured."""
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            result = run()
        torch.cuda.current_stream(self._device).wait_stream(self._stream)
        needed = torch.cuda.max_memory_allocated(self._device) - before
        # The allocator keeps what is free apart for each stream.
        torch.cuda.synchronize(self._device)
        torch.cuda.empty_cache()
        return result, needed

    def capture(self, run: Callable[[], Tensor]) -> Graph:
        before = torch.cuda.memory_reserved(self._device)
        graph = torch.cuda.CUDAGraph()
        # A capture that fails leaves its stream behind: the outer one is set again.
        with (
            torch.cuda.stream(torch.cuda.current_stream(self._device)),
            torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ),
        ):
            result = run()
        return _CudaGraph(graph, result, torch.cuda.memory_reserved(self._device) - before)

    def clear(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        torch.cuda.empty_cache()
