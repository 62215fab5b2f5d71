"""Threads whose work gives way to that of others on the machine.

On Linux each thread has a priority of its own, and the threads that torch starts for it have the
same. One of the policy SCHED_IDLE is interrupted at once by whoever else has work, and gets some
three per mille of a core that others want all the time. Without privileges a thread cannot rise
again: hence threads for such work alone.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from serve_app.foreground import Foreground

logger = logging.getLogger("bernie.stage")

_LOWEST = 19
_LATER = 5
"""Lower than the ordinary one: of a core that both want that has three quarters."""
_LOOK_SECONDS = 0.01
_MOST_STILL = 15.0
"""Seconds in which a thread may stand still at a time, as those of `overdue.PATIENCE`."""


def works() -> bool:
    """Whether threads have priorities of their own here."""
    return sys.platform == "linux"


def give_way() -> None:
    """Makes the calling thread one for later segments, for good: what the first segments of others
    need, here and in the stages before, goes before them."""
    if not works():
        return
    thread = threading.get_native_id()
    try:
        lower = min(os.getpriority(os.PRIO_PROCESS, thread) + _LATER, _LOWEST)
        os.setpriority(os.PRIO_PROCESS, thread, lower)
    except OSError:
        logger.warning("later segments do not give way to first ones", exc_info=True)


@dataclass(frozen=True, slots=True)
class Background:
    """The threads of a stage for lines of batches: how many, and with how many of torch's each.

    Two threads with half of the cores each make more of these than one with all of them. A line is
    computed by as many of torch's wherever that happens: the last bits of a result depend on it.
    """

    threads: int
    torch_threads: int
    foreground: Foreground = field(default_factory=Foreground, compare=False)
    """While somebody waits, they stand still between layers, as far as `Pauses` lets them: the
    kernel compares threads of one control group, and two of one core slow each other down."""

    @classmethod
    def of(cls, cores: int, most: int, foreground: Foreground) -> Background:
        """At most so many threads that share the cores."""
        threads = min(cores, most)
        return cls(threads, cores // threads, foreground)

    def enter(self) -> None:
        """Makes the calling thread one of them, for good. A system that forbids it is told of."""
        self.prepare()
        if "torch" in sys.modules:
            from pipelines.runtime.between_layers import before_each_layer

            before_each_layer(Pauses(self.foreground).stand_still)
        thread = threading.get_native_id()
        try:
            # Where the policy is not known, as in some sandboxes, the lowest priority does.
            os.setpriority(os.PRIO_PROCESS, thread, _LOWEST)
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
        except OSError:
            logger.warning("lines of batches are not computed in the background", exc_info=True)

    def prepare(self) -> None:
        """Has the calling thread compute the same with the priority that it has."""
        if "torch" in sys.modules:  # not every model brings it
            from pipelines.threads import use_threads

            use_threads(self.torch_threads)


class Pauses:
    """Of a thread that stands still while somebody waits: in the long run half of the time."""

    def __init__(
        self,
        foreground: Foreground,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._foreground = foreground
        self._clock = clock
        self._sleep = sleep
        self._left = _MOST_STILL
        """Seconds that it may stand still."""
        self._ended = clock()

    def stand_still(self) -> None:
        """Returns when nobody waits any more, or it has stood still for too long."""
        now = self._clock()
        self._left = min(self._left + now - self._ended, _MOST_STILL)
        while self._left > 0 and self._foreground.waits:
            self._sleep(_LOOK_SECONDS)
            before, now = now, self._clock()
            self._left -= now - before
        self._ended = now


class Patience:
    """Whether a computation is stuck that may get little of the processors for a long time.

    It is, where it has used as many seconds of them as it may take, or none since it was looked at
    last.
    """

    def __init__(self, seconds: float, used: float) -> None:
        """`used`: seconds of the processors that its thread has used before."""
        self._most = used + seconds
        self._used = used

    def ended(self, used: float) -> bool:
        """Looks at it, when its thread has used so many."""
        stuck = used <= self._used or used >= self._most
        self._used = used
        return stuck


def clock_of_this_thread() -> int:
    """What `time.clock_gettime` takes to tell the seconds of the processors that it has used."""
    return time.pthread_getcpuclockid(threading.get_ident())
